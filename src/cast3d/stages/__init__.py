"""The stages of the method: functions from a kit and frozen dataclasses to a frozen dataclass.

Words of the paper and here: p_B main geometry, p_C layout, h_i hint, p_i part geometry, p̂_B anchor, p̂_GC coarse
geometry, p_GC geometry, z_C layout slat, z_i part slat, z_o slat, o_i term, I_i picture, c prompt. `table` lists the
stages, `operators` holds D_ss, D_slat and D_ss^STM, `kit` is what a stage may touch.
"""

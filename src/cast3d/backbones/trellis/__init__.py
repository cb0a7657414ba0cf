"""The released TRELLIS checkpoints: loading, encoders of pictures and text, checks, and stand-ins for tests."""

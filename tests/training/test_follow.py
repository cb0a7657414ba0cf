from cast3d.following import Agreement, Pose
from training.bricks.follow import Candidates, apart, paired, table


def test_ranks_are_counted_where_there_is_something_to_rank():
    scores = tuple(Agreement(outline) for outline in (0.5, 0.7, 0.9))
    told = Candidates("a, hat", True, ("x", "y", "z"), (0.2, 0.4, 0.9), scores)
    same = Candidates("b, hat", False, ("x", "y", "z"), (0.99, 1.0, 0.99), scores)
    lines = table([told, same]).splitlines()
    assert lines[2].startswith("| all | 2 | 1 | 1.00 | 1.00 | 0.595 | 0.945 |")
    assert lines[3].startswith("| unseen | 1 | 1 | 1.00 | 1.00 | 0.200 | 0.900 | 0.900 |")


def test_differences_come_with_their_error():
    assert paired([0.01, 0.03]) == "+0.0200 ± 0.0100"


def test_no_pose_is_far_from_any():
    assert apart(None, Pose(0, 0, 1.0)) == 90
    assert abs(apart(Pose(10, 0, 1.0), Pose(0, 0, 1.0)) - 10) < 1e-6

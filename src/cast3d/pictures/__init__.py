"""Pictures that go in: opened, cut out, cropped, checked."""

"""Running a `train_step` many times: schedule, compiled program, reader, replicas, workers."""

-- accounts: how far the clock was set, as far as the sessions have followed it

CREATE TABLE clock_steps (
  id {pk},
  run {text} NOT NULL UNIQUE,               -- core.clock: of which machine
  ahead_ms {int} NOT NULL                   -- the time of day less the monotonic one
) {strict};

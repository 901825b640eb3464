-- wrk: every request opens the next path of the file ATTUNE_PATHS, with the cookie ATTUNE_COOKIE.
local paths, at = {}, 0
for line in io.lines(os.getenv("ATTUNE_PATHS")) do paths[#paths + 1] = line end
local headers = {["Cookie"] = os.getenv("ATTUNE_COOKIE")}
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at], headers)
end
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %.0f %.0f %.0f %.0f %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), latency.min, latency.max, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end

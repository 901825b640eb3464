-- wrk: every request submits another form. ATTUNE_TOKENS names a file with one token a line.
local tokens, at = {}, 0
for line in io.lines(os.getenv("ATTUNE_TOKENS")) do tokens[#tokens + 1] = line end
local answers = "&feeling=4&goal=5&way=5&understood=4&open=5&trust=6&tension=0&attune-action=send"
local counts = {}
request = function()
  at = at + 1
  local token = tokens[at] or tokens[#tokens]
  return wrk.format("POST", "/f/" .. token, {["Content-Type"] = "application/x-www-form-urlencoded"}, "attune-key=" .. token .. answers)
end
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %.0f %.0f %.0f %.0f %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), latency.min, latency.max, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end

# The individuals chart, CUSUM and EWMA in hindsight in base R, all patients at once (columns are sessions), for
# bench/alliance.sh: prints processor seconds (best of three) and how many patients reach the customary limits.
#   Rscript bench/alliance.R FILE SESSIONS LEVEL LEVEL_SD RESIDUAL_SD
words <- commandArgs(TRUE)
n <- as.integer(words[2]); figures <- as.numeric(words[3:5])
columns <- scan(words[1], list(NULL, NULL, 0), sep = ",", skip = 1, quiet = TRUE)
x <- matrix(columns[[3]], ncol = n, byrow = TRUE)
charts <- function(x, level, level_sd, s) {
  mean <- rowMeans(x)
  sigma <- rowMeans(abs(x[, -1] - x[, -n])) / 1.128
  shewhart <- (mean - do.call(pmin, lapply(seq_len(n), function(t) x[, t]))) / sigma
  prior <- s^2 / level_sd^2
  shrunk <- (prior * level + n * mean) / (prior + n)
  cusum <- ewma <- 0
  cusum_most <- ewma_most <- -Inf
  for (t in seq_len(n)) {
    z <- (shrunk - x[, t]) / s
    cusum <- pmax(0, cusum + z - 0.5)
    ewma <- 0.2 * z + 0.8 * ewma
    cusum_most <- pmax(cusum_most, cusum)
    ewma_most <- pmax(ewma_most, ewma / sqrt(0.2 / 1.8 * (1 - 0.8^(2 * t))))
  }
  c(sum(shewhart >= 3), sum(cusum_most >= 4), sum(ewma_most >= 2.7))
}
best <- Inf
for (round in 1:3) {
  spent <- system.time(alarms <- charts(x, figures[1], figures[2], figures[3]))
  best <- min(best, spent[["user.self"]] + spent[["sys.self"]])
}
cat(best, alarms, "\n")

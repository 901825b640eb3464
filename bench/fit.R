# One measurement of bench/fit.sh: Rscript fit.R WHAT FILE; prints processor seconds of the call, best of a few when short.
arguments <- commandArgs(TRUE)
what <- arguments[1]
suppressMessages({library(data.table); library(lme4)})
data <- as.data.frame(fread(arguments[2], stringsAsFactors = TRUE))
formula <- if (what == "crossed") y ~ arm*time + (1 | patient) + (1 | therapist) else
  y ~ arm*time + (1 + time | patient) + (1 | therapist)
cpu <- function(expression) { t <- system.time(expression); sum(t[c("user.self", "sys.self")]) }
repeats <- if (nrow(data) < 10000) 5 else 1
fit <- function() suppressWarnings(suppressMessages(lmer(formula, data)))
if (what == "whole") { invisible(fit()); quit() }
invisible(if (repeats > 1) fit())
if (what %in% c("fit", "crossed")) times <- replicate(repeats, cpu(fit()))
if (what == "satterthwaite") {
  suppressMessages(library(lmerTest))
  times <- replicate(repeats, cpu(summary(suppressWarnings(suppressMessages(lmerTest::lmer(formula, data))))))
}
if (what == "kenward-roger") {
  suppressMessages(library(pbkrtest))
  times <- replicate(min(repeats, 3), cpu({
    model <- fit(); adjusted <- vcovAdj(model); p <- length(fixef(model))
    sapply(1:p, function(j) Lb_ddf(as.numeric(1:p == j), vcov(model), adjusted))
  }))
}
cat(sprintf("%.6f\n", median(times)))

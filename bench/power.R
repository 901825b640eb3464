# power.R: simulate-and-refit as R's users do it, one trial after the other; called by bench/power.
#
#   Rscript bench/power.R satterthwaite|kenward-roger TRIALS
#
# The reference design: 40 therapists x 3 patients x 6 sessions, effect .10 a session. Prints trials, seconds, power.
suppressMessages({library(lme4); library(lmerTest); library(pbkrtest)})
arguments <- commandArgs(trailingOnly = TRUE)
method <- arguments[1]
trials <- as.integer(arguments[2])
set.seed(1)
design <- expand.grid(time = 0:5, patient = 1:120)
design$therapist <- (design$patient - 1) %/% 3 + 1
design$arm <- as.numeric(design$therapist > 20)
formula <- y ~ arm * time + (1 + time | patient) + (1 + time | therapist)
contrast <- c(0, 0, 0, 1)
draw <- function() {
  v <- cbind(rnorm(40, sd = sqrt(.05)), rnorm(40, sd = .02))
  u <- cbind(rnorm(120, sd = sqrt(.45)), rnorm(120, sd = .05))
  v[design$therapist, 1] + u[design$patient, 1] + rnorm(720, sd = sqrt(.5)) +
    (.10 * design$arm + v[design$therapist, 2] + u[design$patient, 2]) * design$time
}
p_value <- function() {
  design$y <- draw()
  if (method == "satterthwaite") {
    fit <- suppressWarnings(suppressMessages(lmerTest::lmer(formula, design)))
    return(suppressWarnings(lmerTest::contest1D(fit, contrast)$`Pr(>|t|)`))
  }
  fit <- suppressWarnings(suppressMessages(lme4::lmer(formula, design)))
  adjusted <- pbkrtest::vcovAdj(fit)
  df <- pbkrtest::Lb_ddf(contrast, vcov(fit), adjusted)
  2 * pt(-abs(lme4::fixef(fit)[4] / sqrt(adjusted[4, 4])), df)
}
invisible(p_value()) # loads what is loaded once
seconds <- system.time(p <- replicate(trials, p_value()))[["elapsed"]]
cat(trials, seconds, mean(p < .05), "\n")

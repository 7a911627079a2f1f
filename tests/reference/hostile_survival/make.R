# Reference numbers for what a hostile reader tried together: ages made of dates (entries and exits that tie but for rounding), weights,
# strata, clusters and offsets in one model, what is computed from weighted fits, competing risks on the age scale.
#   Rscript tests/reference/hostile_survival/make.R [FOLDER FOR THE RESULTS]
# Packages: survival, cmprsk, jsonlite.
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]

i <- 0:199
days <- data.frame(start = 45 * ((i * 37) %% 40), span = 45 * (1 + (i * 53) %% 60), cause = c(1, 0, 2, 0, 1)[(i * 11 + i %/% 7) %% 5 + 1],
  x = round(sin(1.7 * i) + 0.4 * cos(i), 3), arm = c("a", "b", "c")[(i * 7 + i %/% 9) %% 3 + 1], site = (i %/% 4) %% 3, clinic = (i * 3) %% 17,
  weight = 0.5 + (i %% 6) / 4, known = round(0.3 * cos(0.9 * i), 3))
people <- within(days, {
  # the exit is a sum of two quotients: it ties with entries and exits of others but for rounding
  entry <- 50 + start / 365.25
  exit <- entry + span / 365.25
  event <- as.numeric(cause == 1)
})
moments <- c(51.3, 52.5, 54, 55.9)
cox_numbers <- function(fit) list(coefficients = unname(coef(fit)), variance = unname(vcov(fit)), loglik = fit$loglik,
  zph = lapply(setNames(nm = c("km", "rank", "identity", "log")), function(g) unname(cox.zph(fit, transform = g)$table[, 1])),
  concordance = unname(c(concordance(fit)$concordance, concordance(fit)$var)), martingale = unname(residuals(fit))[1:20])
curve <- function(fit, times) { at <- summary(fit, times = times, extend = TRUE); list(estimate = at$surv, std_error = at$std.err, conf_low = at$lower, conf_high = at$upper) }
late <- with(people, Surv(entry, exit, event))
full <- function(ties) coxph(late ~ x + arm + offset(known) + strata(site), people, weights = weight, cluster = clinic, ties = ties)
# with entries R takes the unweighted mean person, without them the weighted one
weighted <- coxph(Surv(exit, event) ~ x + known, people, weights = weight)
causes <- summary(survfit(Surv(entry, exit, factor(cause)) ~ 1, people, id = i), times = moments)
short <- people$span / 365.25
gray <- function(rho) unname(cuminc(short, people$cause, people$arm, strata = people$site, rho = rho)$Tests[1, 1:2])
regression <- crr(short, people$cause, model.matrix(~ x + arm, people)[, -1], failcode = 2, gtol = 1e-12)

write_json(list(
  days = days, moments = moments,
  survival = curve(survfit(late ~ 1, people, conf.type = "log-log"), moments),
  survival_weighted = curve(survfit(late ~ 1, people, weights = weight, cluster = clinic, conf.type = "log-log"), moments),
  cox_efron = cox_numbers(full("efron")), cox_breslow = cox_numbers(full("breslow")),
  mean_person = curve(survfit(weighted, conf.type = "log"), moments),
  baseline = with(basehaz(weighted, centered = TRUE), hazard[findInterval(moments, time)]),
  incidence = list(estimate = unname(causes$pstate[, 2:3]), std_error = unname(causes$std.err[, 2:3])),
  gray = gray(0), gray_early = gray(1),
  fine_gray = list(coefficients = unname(regression$coef), variance = unname(regression$var))
), file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
packages <- c("survival", "cmprsk", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

# Reference numbers for linear mixed models: lme4 and lmerTest.
#   Rscript tests/reference/mixed/make.R [FOLDER FOR THE RESULTS]
# The made-up visits are written with the numbers. Growth of 27 children: Potthoff and Roy 1964, doi:10.2307/2334137 (in R: nlme::Orthodont).
# The pigs (geepack::dietox) and the pastes (lme4::Pastes) are not stored: statsmodels ships them.
suppressMessages({library(lme4); library(lmerTest); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
# bobyqa asked for more digits than lme4 does: the likelihood is flat, and its usual answer is right to five of them only
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5))

# visits by formula, so that anybody can make them again
i <- 0:239
visits <- data.frame(patient = i %/% 4, visit = i %% 4, rater = (i * 7 + i %/% 11) %% 9, dose = ((i %/% 4) * 37 %% 101) / 25)
wave <- function(k) sin(12.9898 * k) * 43758.5453
noise <- function(k) { u <- wave(k) - floor(wave(k)); qnorm(pmin(pmax(u, 0.001), 0.999)) }
visits$score <- round(20 + 0.8 * visits$dose - 1.2 * visits$visit + 3 * noise(visits$patient + 1) + 0.9 * visits$visit * noise(visits$patient + 401) +
  1.5 * noise(visits$rater + 801) + 2 * noise(i + 1001), 3)
visits <- visits[-c(5, 6, 18, 60, 61, 62, 63, 119), ]   # some visits did not take place
# residuals without any variance between patients: the estimate is on the boundary
visits$flat <- round(ave(visits$score, visits$patient, FUN = function(v) v - mean(v)) + 0.3 * visits$dose, 3)

facts <- function(fit) {
  # lmerTest's own variance of (theta, sigma), for the variance of the residual log standard deviation
  frame <- as.data.frame(summary(fit)$coefficients)
  if (!("df" %in% names(frame))) frame$df <- NA
  v <- as.data.frame(VarCorr(fit))
  blup <- ranef(fit, condVar = TRUE)
  list(estimate = frame[["Estimate"]], std_error = frame[["Std. Error"]], df = frame[["df"]], p_value = frame[["Pr(>|t|)"]],
    loglik = as.numeric(logLik(fit)), aic = AIC(fit), components = data.frame(group = v$grp, a = v$var1, b = v$var2, sd_or_cor = v$sdcor),
    effects = lapply(blup, function(b) list(label = rownames(b), estimate = unname(as.matrix(b)),
      std_error = local({ pv <- attr(b, "postVar"); t(sqrt(matrix(apply(pv, 3, diag), nrow = dim(pv)[1]))) }))),
    fitted = unname(fitted(fit)))
}
fit <- function(formula, data, REML = TRUE) facts(do.call(lmerTest::lmer, list(formula = formula, data = data, REML = REML, control = tight)))
orthodont <- transform(as.data.frame(nlme::Orthodont), Subject = as.character(Subject), Sex = as.character(Sex))
data(dietox, package = "geepack")

# log standard deviations and Fisher's z: their variance from the Hessian of the likelihood that lmerTest works out
precision <- function(formula, data) {
  fit <- lmerTest::lmer(formula, data, control = tight)
  A <- fit@vcov_varpar
  sd_of <- function(par) {
    L <- matrix(0, 2, 2); L[lower.tri(L, diag = TRUE)] <- par[1:3]
    G <- par[4]^2 * L %*% t(L)
    c(log(sqrt(diag(G))), atanh(G[1, 2] / sqrt(G[1, 1] * G[2, 2])), log(par[4]))
  }
  par <- c(getME(fit, "theta"), sigma(fit))
  J <- numDeriv::jacobian(sd_of, par)
  list(at = sd_of(par), std_error = sqrt(diag(J %*% A %*% t(J))))
}
expected <- list(
  data = list(visits = visits, orthodont = orthodont[, c("distance", "age", "Subject", "Sex")]),
  orthodont = fit(distance ~ age * relevel(factor(Sex), "Male") + (age | Subject), orthodont),
  dietox = fit(Weight ~ Time + (1 | Pig), dietox),
  dietox_slope = fit(Weight ~ Cu * Time + (1 + Time | Pig), transform(dietox, Cu = factor(Cu, labels = 1:3))),
  pastes = fit(strength ~ 1 + (1 | sample) + (1 | batch), lme4::Pastes),
  visits_slope = fit(score ~ dose + visit + (0 + visit | patient), visits),
  visits = fit(score ~ dose + visit + (1 | patient), visits),
  visits_ml = fit(score ~ dose + visit + (1 | patient), visits, FALSE),
  visits_crossed = fit(score ~ dose + visit + (1 + visit | patient) + (1 | rater), visits),
  visits_crossed_ml = fit(score ~ dose + visit + (1 | patient) + (1 | rater), visits, FALSE),
  singular = fit(flat ~ dose + visit + (1 | patient), visits),
  singular_crossed = fit(flat ~ dose + visit + (1 | patient) + (1 | rater), visits),
  precision = list(visits = precision(score ~ dose + visit + (visit | patient), visits))
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null")
packages <- c("lme4", "lmerTest", "nlme", "geepack", "numDeriv", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

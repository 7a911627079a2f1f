# Reference numbers for logistic regression: glm, the cluster sandwich written out, and survey::svyglm.
#   Rscript tests/reference/logistic/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers; Hosmer and Lemeshow's birth weights come from MASS and are not stored.
suppressMessages({library(survey); library(MASS); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
tight <- glm.control(epsilon = 1e-14, maxit = 100)

set.seed(1855)
n <- 320
people <- data.frame(age = round(runif(n, 20, 80), 1), smoking = sample(c("current", "former", "never"), n, replace = TRUE),
  clinic = sample(1:24, n, replace = TRUE), copies = rpois(n, 1) + 1)
people$stratum <- (people$clinic - 1) %/% 6 + 1
people$wt <- round(runif(n, 50, 900), 1)
effect <- rnorm(24, 0, 0.7)
people$ill <- rbinom(n, 1, plogis(-3 + 0.04 * people$age + 0.6 * (people$smoking == "current") + effect[people$clinic]))
people$bmi <- ifelse(runif(n) < 0.1, NA, round(rnorm(n, 27, 4), 1))
people$domain <- people$age > 35
people$rare <- ifelse(people$smoking == "former", 0, people$ill)

rows <- function(estimate, variance, df = Inf) {
  se <- sqrt(diag(variance)); z <- estimate / se
  data.frame(term = names(estimate), estimate = unname(estimate), std_error = se, p_value = 2 * pt(-abs(z), df),
    conf_low = estimate + qt(0.025, df) * se, conf_high = estimate + qt(0.975, df) * se)
}
facts <- function(fit) list(loglik = as.numeric(logLik(fit)), aic = AIC(fit), null_deviance = fit$null.deviance, n = nobs(fit))
plain <- function(formula, data, ...) {
  fit <- do.call(glm, list(formula = formula, family = binomial, data = data, control = tight, ...))
  c(list(rows = rows(coef(fit), vcov(fit))), facts(fit))
}
# sandwich::vcovCL(fit, cluster) with its defaults for a glm, written out: bread, summed scores, G / (G - 1)
clustered <- function(formula, data, cluster, ...) {
  fit <- do.call(glm, list(formula = formula, family = binomial, data = data, control = tight, ...))
  scores <- model.matrix(fit) * residuals(fit, "working") * weights(fit, "working")
  summed <- rowsum(scores, cluster)
  bread <- summary(fit)$cov.unscaled
  g <- nrow(summed)
  rows(coef(fit), g / (g - 1) * bread %*% crossprod(summed) %*% bread)
}
surveyed <- function(formula, design) {
  fit <- svyglm(formula, design = design, family = quasibinomial, control = tight)
  c(list(rows = rows(coef(fit), vcov(fit), fit$df.residual)), df = fit$df.residual)
}
model <- ill ~ age + smoking
full <- svydesign(ids = ~clinic, strata = ~stratum, weights = ~wt, data = people, nest = TRUE)
births <- transform(birthwt, race = factor(race, labels = c("white", "black", "other")))

# the former smokers have no event: R's glm wanders to a huge number; the other coefficients settle
separated <- suppressWarnings(glm(rare ~ age + smoking, binomial, people, control = glm.control(epsilon = 1e-15, maxit = 40)))
profile_drop <- function(b) {
  people$fixed <- b * (people$smoking == "former")
  fit <- suppressWarnings(glm(rare ~ age + I(smoking == "never") + offset(fixed), binomial, people, control = tight))
  as.numeric(logLik(separated)) - as.numeric(logLik(fit)) - qchisq(0.95, 1) / 2
}

expected <- list(
  people = people,
  births = plain(low ~ age + lwt + race + smoke + ptl + ht + ui, births),
  model = plain(model, people),
  missing = plain(ill ~ age + smoking + bmi, people),
  copies = plain(model, people, weights = people$copies),
  cluster = clustered(model, people, people$clinic),
  cluster_copies = clustered(model, people, people$clinic, weights = people$copies),
  survey = surveyed(model, full),
  survey_domain = surveyed(model, subset(full, domain)),
  survey_missing = surveyed(ill ~ age + smoking + bmi, full),
  survey_weights_only = surveyed(model, svydesign(ids = ~1, weights = ~wt, data = people)),
  # glm's tolerance for an alias is epsilon / 1000: with the tight control above it would miss one
  alias = local({ fit <- glm(ill ~ age + I(2 * age + 3) + smoking, binomial, people, control = glm.control(epsilon = 1e-11)); summary(fit)$coefficients["age", 1:2] }),
  separated = list(age = summary(separated)$coefficients["age", 1:2], never = summary(separated)$coefficients["smokingnever", 1:2],
    loglik = as.numeric(logLik(separated)), upper = uniroot(profile_drop, c(-6, 0), tol = 1e-10)$root)
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null")
writeLines(c(R.version.string, paste(c("survey", "MASS", "jsonlite"), sapply(c("survey", "MASS", "jsonlite"), function(p) as.character(packageVersion(p))))),
  file.path(results, "session.txt"))

# Reference numbers for Cox regression: R's survival and survey packages on made-up people and on published data.
#   Rscript tests/reference/cox/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers. The published data sets come with R packages; only numbers are written.
suppressMessages({library(survival); library(survey); library(splines); library(MASS); library(jsonlite)})
options(digits = 15, survey.lonely.psu = "fail")
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]

# people who enter late, in whole months, so that entries, exits and events tie
set.seed(20250211)
n <- 180
entry <- sample(0:24, n, replace = TRUE)
exit <- entry + sample(1:36, n, replace = TRUE)
people <- data.frame(id = seq_len(n), entry, exit, x = round(rnorm(n), 3), z = rbinom(n, 1, 0.4), group = sample(c("a", "b", "c"), n, replace = TRUE),
  site = sample(1:5, n, replace = TRUE), clinic = sample(1:40, n, replace = TRUE), copies = sample(1:3, n, replace = TRUE),
  weight = round(runif(n, 0.2, 3), 2), stratum = sample(1:6, n, replace = TRUE), psu = sample(1:3, n, replace = TRUE))
people$event <- rbinom(n, 1, plogis(0.4 * people$x - 0.5 * people$z + 0.3))
people$domain <- people$z == 1 | people$x > -0.3
people$u <- people$x^2 + people$site / 10
people$u[c(3, 30, 77, 140)] <- NA

# R stops when the log-likelihood changes by 1e-9 of itself; here the coefficients shall have ten digits
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)
numbers <- function(fit) {
  out <- list(term = names(coef(fit)), coef = unname(coef(fit)), se = unname(sqrt(diag(as.matrix(fit$var)))), loglik = fit$loglik)
  if (!is.null(fit$naive.var)) out$naive_se <- unname(sqrt(diag(as.matrix(fit$naive.var))))
  out
}
fits <- list()
right <- Surv(people$exit, people$event); late <- Surv(people$entry, people$exit, people$event)
for (ties in c("efron", "breslow")) for (outcome in c("right", "late")) for (strata in c("", "site")) {
  terms <- paste(outcome, "~ x + z + group", if (strata == "site") "+ strata(site)" else "")
  key <- paste(ties, outcome, if (strata == "") "one" else strata, sep = "_")
  fit <- function(...) do.call(coxph, list(formula = as.formula(terms), data = people, ties = ties, control = exact, ...))
  fits[[key]] <- numbers(fit())
  fits[[paste0(key, "_copies")]] <- numbers(fit(weights = people$copies))
  fits[[paste0(key, "_weight")]] <- numbers(fit(weights = people$weight))
  fits[[paste0(key, "_cluster")]] <- numbers(fit(cluster = people$clinic))
  fits[[paste0(key, "_weight_cluster")]] <- numbers(fit(weights = people$weight, cluster = people$clinic))
  fits[[paste0(key, "_robust")]] <- numbers(fit(cluster = people$id))
}
residual <- function(formula, ...) {
  fit <- do.call(coxph, list(formula = formula, data = people, control = exact, ...))
  base <- basehaz(fit, centered = FALSE)
  list(score = unname(residuals(fit, "score")), martingale = unname(residuals(fit, "martingale")), time = base$time, hazard = base$hazard)
}
residuals_of <- list(
  efron_late_weight = residual(late ~ x + z, weights = people$weight, ties = "efron"),
  breslow_late_weight = residual(late ~ x + z, weights = people$weight, ties = "breslow"),
  efron_right = residual(right ~ x + z, ties = "efron"))

# complex samples: a domain, missing covariates, strata with one unit
survey_numbers <- function(fit, design) list(term = names(coef(fit)), coef = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))), df = degf(design))
whole <- svydesign(id = ~psu, strata = ~stratum, weights = ~weight, nest = TRUE, data = people)
part <- subset(whole, domain)
simple <- svydesign(id = ~1, weights = ~weight, data = people)
timed <- Surv(entry, exit, event) ~ x + z
surveys <- list(whole = survey_numbers(svycoxph(timed, whole, control = exact), whole), domain = survey_numbers(svycoxph(timed, part, control = exact), part),
  missing = survey_numbers(svycoxph(Surv(entry, exit, event) ~ x + u, whole, control = exact), whole), simple = survey_numbers(svycoxph(timed, simple, control = exact), simple))
lonely <- people; lonely$psu[lonely$stratum == 2] <- 1
alone <- svydesign(id = ~psu, strata = ~stratum, weights = ~weight, nest = TRUE, data = lonely)
for (rule in c("adjust", "certainty", "average")) {
  options(survey.lonely.psu = rule)
  surveys[[paste0("lonely_", rule)]] <- survey_numbers(svycoxph(timed, alone, control = exact), alone)
  surveys[[paste0("lonely_", rule, "_domain")]] <- survey_numbers(svycoxph(timed, subset(alone, domain), control = exact), subset(alone, domain))
}

# times that are ties but for rounding: days divided by 365.25, and thirds
near <- data.frame(time = c(1 / 3, 1 - 2 / 3, 0.1 + 0.2, 0.3, 2, 2 + 1e-12, 3, 4), status = c(1, 1, 1, 0, 1, 1, 0, 1), x = c(1, 0, 1, 1, 0, 1, 0, 0))
timefix <- list(data = near, fit = numbers(coxph(Surv(time, status) ~ x, near, control = exact)))

grid <- seq(-1, 5, by = 0.5); values <- c(0.1, 0.4, 0.5, 1.2, 1.9, 2.2, 2.8, 3.1, 3.7, 4)
splines <- list(values = values, grid = grid, ns = unclass(predict(ns(values, df = 3), grid))[, 1:3], bs = unclass(bs(values, df = 5))[, 1:5])

# published data
aids <- function(fit) c(numbers(fit), n = fit$n, events = fit$nevent)
flchain$years <- pmax(flchain$futime, 0.5) / 365.25
veteran$celltype <- factor(veteran$celltype, levels = c("squamous", "smallcell", "adeno", "large"))
published <- list(
  gehan = aids(coxph(Surv(time, cens) ~ relevel(treat, "6-MP"), gehan, control = exact)),
  gehan_breslow = aids(coxph(Surv(time, cens) ~ relevel(treat, "6-MP"), gehan, ties = "breslow", control = exact)),
  lung = aids(coxph(Surv(time, status == 2) ~ age + sex + ph.ecog, lung, control = exact)),
  lung_breslow = aids(coxph(Surv(time, status == 2) ~ age + sex + ph.ecog, lung, ties = "breslow", control = exact)),
  ovarian = aids(coxph(Surv(futime, fustat) ~ rx + age, ovarian, control = exact)),
  veteran = aids(coxph(Surv(time, status) ~ trt + celltype + karno + diagtime + age + prior, veteran, control = exact)),
  heart = aids(coxph(Surv(start, stop, event) ~ age + year + surgery + transplant, heart, control = exact)),
  cgd = aids(coxph(Surv(tstart, tstop, status) ~ treat + inherit + steroids, cgd, cluster = id, control = exact)),
  flchain = aids(coxph(Surv(age, age + years, death) ~ sex + log(kappa + lambda), flchain, control = exact)),
  retinopathy = aids(coxph(Surv(futime, status) ~ trt + type, retinopathy, cluster = id, control = exact)),
  retinopathy_pairs = aids(coxph(Surv(futime, status) ~ trt + strata(id), retinopathy, control = exact)))

expected <- list(people = people, fits = fits, residuals = residuals_of, surveys = surveys, timefix = timefix, splines = splines, published = published)
write_json(expected, file.path(results, "expected.json"), digits = NA, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
versions <- sapply(c("survival", "survey", "MASS", "jsonlite"), function(p) paste(p, packageVersion(p)))
writeLines(c(R.version.string, versions), file.path(results, "session.txt"))

# Reference numbers for log-rank tests: R's survdiff, and score tests of Cox models with exact ties where people enter late.
#   Rscript tests/reference/logrank/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(MASS); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
keep <- function(expected, packages) {
  write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
  writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))
}

set.seed(20240611)
n <- 180
entry <- sample(0:20, n, replace = TRUE)
people <- data.frame(entry, exit = entry + sample(1:400, n, replace = TRUE) / 10, event = rbinom(n, 1, 0.5), dose = sample(1:4, n, replace = TRUE),
  site = sample(c("a", "b", "c"), n, replace = TRUE), clinic = sample(1:30, n, replace = TRUE))
right <- Surv(people$exit, people$event)
late <- Surv(people$entry, people$exit, people$event)
diff_of <- function(formula, ...) { fit <- survdiff(formula, people, ...); list(chi2 = fit$chisq, observed = if (is.matrix(fit$obs)) rowSums(fit$obs) else fit$obs, expected = if (is.matrix(fit$exp)) rowSums(fit$exp) else fit$exp) }
# without tied events the exact likelihood is the ordinary one, with ties its score test is the log-rank test
score_of <- function(formula) coxph(formula, people, ties = "exact")$score

keep(list(
  people = people,
  right = list(plain = diff_of(right ~ dose), rho1 = diff_of(right ~ dose, rho = 1), rho05 = diff_of(right ~ dose, rho = 0.5), strata = diff_of(right ~ dose + strata(site)),
    strata_rho1 = diff_of(right ~ dose + strata(site), rho = 1), clinics = diff_of(right ~ clinic)),
  late = list(plain = score_of(late ~ factor(dose)), strata = score_of(late ~ factor(dose) + strata(site))),
  trend = list(right = score_of(right ~ dose), late = score_of(late ~ dose), strata = score_of(late ~ dose + strata(site)), scores = score_of(late ~ c(0, 1, 5, 6)[dose])),
  published = list(
    lung = survdiff(Surv(time, status) ~ sex, lung)$chisq, ovarian = survdiff(Surv(futime, fustat) ~ rx, ovarian)$chisq,
    colon = survdiff(Surv(time, status) ~ rx, colon[colon$etype == 2, ])$chisq, aml = survdiff(Surv(time, status) ~ x, aml)$chisq,
    gehan = survdiff(Surv(time, cens) ~ treat, gehan)$chisq, gehan_rho1 = survdiff(Surv(time, cens) ~ treat, gehan, rho = 1)$chisq,
    heart = coxph(Surv(start, stop, event) ~ transplant, heart, ties = "exact")$score)), c("survival", "MASS", "jsonlite"))

# Reference numbers for conditional logistic regression: R's clogit on made-up matched sets and (numbers only) on Epi's bdendo.
#   Rscript tests/reference/matched/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(Epi); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
keep <- function(expected, packages) {
  write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
  writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))
}

set.seed(20240615)
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)
sets <- function(sizes, cases) do.call(rbind, lapply(seq_along(sizes), function(s) { n <- sizes[s]; x <- round(rnorm(n), 2); z <- sample(c("a", "b", "c"), n, replace = TRUE)
  case <- integer(n); case[sample(n, cases[s], prob = exp(0.6 * x + 0.5 * (z == "b")))] <- 1; data.frame(set = s, case = case, x = x, z = z) }))
pairs <- sets(rep(2, 60), rep(1, 60))
one_to_many <- sets(sample(2:6, 50, replace = TRUE), rep(1, 50))
sizes <- sample(4:12, 40, replace = TRUE)
many <- sets(sizes, sapply(sizes, function(n) sample(0:n, 1)))
# without controls a set says nothing, but R's approximations let it speak: leave such sets out there
share <- ave(many$case, many$set); both <- many[share > 0 & share < 1, ]
large <- sets(c(60, 45, 80), c(25, 40, 3))
fit_of <- function(data, method = "exact") { f <- clogit(case ~ x + z + strata(set), data, method = method, control = exact)
  list(coef = unname(coef(f)), se = unname(sqrt(diag(vcov(f)))), loglik = f$loglik, n = f$n, score = f$score) }
bd <- function(formula) { f <- clogit(formula, bdendo, control = exact); list(coef = unname(coef(f)), se = unname(sqrt(diag(vcov(f)))), loglik = f$loglik, n = f$n) }
data(bdendo)

keep(list(data = list(pairs = pairs, one_to_many = one_to_many, many = many, large = large),
  fits = list(pairs = fit_of(pairs), one_to_many = fit_of(one_to_many), many = fit_of(many), large = fit_of(large), both_efron = fit_of(both, "efron"), both_breslow = fit_of(both, "breslow")),
  bdendo = list(est = bd(d ~ est + strata(set)), gall = bd(d ~ gall + strata(set)), joint = bd(d ~ gall + hyp + est + strata(set)), missing = bd(d ~ est + gall + ob + strata(set)))),
  c("survival", "Epi", "jsonlite"))

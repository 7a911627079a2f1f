# Reference numbers for restricted mean survival: R's survfit with rmean, and the influence of each row on the area.
#   Rscript tests/reference/rmst/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
keep <- function(expected, packages) {
  write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
  writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))
}

set.seed(20240612)
n <- 160
entry <- sample(0:15, n, replace = TRUE)
people <- data.frame(entry, exit = entry + sample(1:45, n, replace = TRUE), event = rbinom(n, 1, 0.5), arm = sample(c("new", "old"), n, replace = TRUE),
  weight = round(runif(n, 0.2, 3), 2), clinic = sample(1:25, n, replace = TRUE))
people$event[people$exit < 6] <- 0
means <- function(formula, tau, data = people, ...) { table <- summary(do.call(survfit, list(formula = formula, data = data, ...)), rmean = tau)$table
  table <- if (is.matrix(table)) table else t(table); list(rmean = unname(table[, "rmean"]), se = unname(table[, grep("^se.*rmean", colnames(table))])) }
# sum over clusters of the squared influence on the area, group by group
jackknife <- function(formula, tau, cluster, data = people, ...) { fit <- do.call(survfit, list(formula = formula, data = data, ...))
  moved <- residuals(fit, times = tau, type = "auc", weighted = TRUE); sqrt(sum(rowsum(as.vector(moved), cluster)^2)) }
old <- people[people$arm == "old", ]

keep(list(
  people = people,
  right = means(Surv(exit, event) ~ arm, 40), right_short = means(Surv(exit, event) ~ arm, 12.5), late = means(Surv(entry, exit, event) ~ arm, 40),
  one = means(Surv(entry, exit, event) ~ 1, 45),
  start = means(Surv(pmax(entry, 10), exit, event) ~ arm, 40, people[people$exit > 10, ]),
  weighted = list(rmean = means(Surv(exit, event) ~ 1, 40, old, weights = old$weight)$rmean, rows = jackknife(Surv(exit, event) ~ 1, 40, seq_len(nrow(old)), old, weights = old$weight),
    clinics = jackknife(Surv(exit, event) ~ 1, 40, old$clinic, old, weights = old$weight)),
  lung = means(Surv(time, status) ~ sex, 365, lung), aml = means(Surv(time, status) ~ x, 40, aml)), c("survival", "jsonlite"))

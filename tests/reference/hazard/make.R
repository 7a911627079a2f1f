# Reference numbers for cumulative hazards, for quantiles under delayed entry, and printed tables of bands.
#   Rscript tests/reference/hazard/make.R [FOLDER FOR THE RESULTS]
# Packages: survival, jsonlite, km.ci (its tables of critical values are those of Klein and Moeschberger, appendix C.3 and C.4).
suppressMessages({library(survival); library(jsonlite); library(km.ci)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
keep <- function(expected, packages) {
  write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
  writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))
}

set.seed(20240613)
n <- 140
entry <- sample(0:25, n, replace = TRUE)
people <- data.frame(entry, exit = entry + sample(1:40, n, replace = TRUE), event = rbinom(n, 1, 0.5), arm = sample(c("new", "old"), n, replace = TRUE),
  weight = round(runif(n, 0.2, 3), 2), clinic = sample(1:25, n, replace = TRUE))
people$event[people$exit < 8] <- 0
late <- Surv(people$entry, people$exit, people$event)
hazard <- function(fit) data.frame(time = fit$time, hazard = fit$cumhaz, se = fit$std.chaz)
kinds <- c("log-log", "log", "plain")
quantiles <- function(kind) lapply(quantile(survfit(late ~ 1, people, conf.type = kind), c(0.1, 0.25, 0.5, 0.75)), as.vector)
part <- function(table, rows, columns) list(high = 0.1 + 0.02 * (rows - 1), low = as.numeric(substr(colnames(table)[columns], 3, 4)) / 100, value = table[cbind(rows, columns)])

keep(list(
  people = people,
  aalen = hazard(survfit(late ~ 1, people, ctype = 1)), fleming = hazard(survfit(late ~ 1, people, ctype = 2)),
  right_old = hazard(survfit(Surv(exit, event) ~ 1, people[people$arm == "old", ])),
  robust = hazard(survfit(Surv(exit, event) ~ 1, people, weights = people$weight, robust = TRUE)),
  cluster = hazard(survfit(late ~ 1, people, weights = people$weight, cluster = people$clinic)),
  quantiles = setNames(lapply(kinds, quantiles), kinds),
  lung = hazard(survfit(Surv(time, status) ~ 1, lung))[c(1, 50, 100, 150), ],
  hall_wellner_95 = part(critical.value.hall.95, c(1, 6, 11, 21, 31, 41, 46, 46), c(1, 2, 4, 6, 11, 21, 1, 11)),
  hall_wellner_90 = part(critical.value.hall.90, c(1, 6, 11, 21, 31, 41, 46, 46), c(1, 2, 4, 6, 11, 21, 1, 11)),
  nair_95 = part(critical.value.nair.95, c(1, 6, 11, 21, 26, 31, 41, 45), c(1, 2, 4, 6, 5, 11, 21, 1)),
  nair_90 = part(critical.value.nair.90, c(1, 6, 11, 21, 26, 31, 41, 45), c(1, 2, 4, 6, 5, 11, 21, 1))), c("survival", "km.ci", "jsonlite"))

# Reference numbers for survival curves: R's survival package on published tables and on made-up people.
#   Rscript tests/reference/curves/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers; aml and gehan are published tables that the test holds itself.
suppressMessages({library(survival); library(MASS); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)

steps <- function(fit) data.frame(time = fit$time, n_risk = fit$n.risk, n_event = fit$n.event, surv = fit$surv,
  std_err = if (fit$logse) fit$std.err * fit$surv else fit$std.err, lower = fit$lower, upper = fit$upper)
one <- function(formula, data, kind = "log-log", ...) steps(do.call(survfit, list(formula = formula, data = data, conf.type = kind, ...)))
quantiles <- function(fit, p = c(0.1, 0.25, 0.5, 0.75)) lapply(quantile(fit, p), as.vector)

# people who enter late, in whole months, so that entries tie with events
set.seed(20240607)
n <- 150
entry <- sample(0:30, n, replace = TRUE)
exit <- entry + sample(1:40, n, replace = TRUE)
people <- data.frame(entry, exit, event = rbinom(n, 1, 0.45), weight = round(runif(n, 0.2, 3), 2), copies = rpois(n, 1) + 1,
  clinic = sample(1:25, n, replace = TRUE))
# nobody at risk has an event before a few are under observation: the classic pitfall is tested apart
people$event[people$exit < 8] <- 0

aml_by <- function(kind, group) one(Surv(time, status) ~ 1, aml[aml$x == group, ], kind)
kinds <- c("log-log", "log", "plain")
gehan_fit <- survfit(Surv(time, cens) ~ treat, gehan, conf.type = "log-log")
late <- Surv(people$entry, people$exit, people$event)
later <- people[people$exit > 20, ]

expected <- list(
  people = people,
  aml = setNames(lapply(c("Maintained", "Nonmaintained"), function(g) setNames(lapply(kinds, aml_by, g), kinds)), c("Maintained", "Nonmaintained")),
  aml_quantiles = setNames(lapply(kinds, function(k) quantiles(survfit(Surv(time, status) ~ 1, aml, conf.type = k))), kinds),
  # print.survfit takes the first time at which a limit crosses 1/2; quantile.survfit sorts a limit that is not monotone
  aml_printed = setNames(lapply(kinds, function(k)
    unname(summary(survfit(Surv(time, status) ~ 1, aml, conf.type = k))$table[c("median", "0.95LCL", "0.95UCL")])), kinds),
  gehan_median = as.list(as.data.frame(t(quantile(gehan_fit, 0.5)$quantile))),
  lung_median_log = lapply(quantile(survfit(Surv(time, status) ~ 1, lung, conf.type = "log"), 0.5), as.vector),
  lung_level_90 = one(Surv(time, status) ~ 1, lung, "log-log", conf.int = 0.9)[c(1, 50, 100, 150), ],
  delayed = one(late ~ 1, people),
  delayed_log = one(late ~ 1, people, "log"),
  delayed_quantiles = quantiles(survfit(late ~ 1, people, conf.type = "log-log")),
  delayed_copies = one(late ~ 1, people, weights = people$copies),
  delayed_weighted = one(late ~ 1, people, "plain", weights = people$weight, robust = TRUE, cluster = seq_len(n)),
  delayed_cluster = one(late ~ 1, people, "log", weights = people$weight, cluster = people$clinic),
  weighted = one(Surv(exit, event) ~ 1, people, "log", weights = people$weight),
  from_20 = one(Surv(pmax(entry, 20), exit, event) ~ 1, later)
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
writeLines(c(R.version.string, paste(c("survival", "MASS", "jsonlite"), sapply(c("survival", "MASS", "jsonlite"), function(p) as.character(packageVersion(p))))),
  file.path(results, "session.txt"))

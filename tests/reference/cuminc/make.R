# Reference numbers for cumulative incidence: R's survival (multi-state survfit) and cmprsk on made-up people and on MASS::Melanoma.
#   Rscript tests/reference/cuminc/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers; of Melanoma only numbers are written.
suppressMessages({library(survival); library(cmprsk); library(MASS); library(jsonlite)})
options(digits = 15)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]

# whole months, so that events of both kinds, censorings and entries tie
set.seed(20240911)
n <- 160
entry <- sample(0:15, n, replace = TRUE)
exit <- entry + sample(1:30, n, replace = TRUE)
people <- data.frame(id = seq_len(n), entry, exit, event = sample(0:2, n, replace = TRUE, prob = c(0.4, 0.35, 0.25)),
  group = sample(c("a", "b", "c"), n, replace = TRUE), weight = round(runif(n, 0.2, 3), 2), copies = sample(1:3, n, replace = TRUE))
# nobody has an event before a few people are under observation
people$event[people$exit < 6] <- 0
people$state <- factor(people$event, 0:2)

# time and the columns of states 1 and 2
steps <- function(fit) {
  keep <- match(c("1", "2"), fit$states)
  pick <- function(m) unname(as.matrix(m)[, keep])
  list(time = fit$time, n_risk = unname(fit$n.risk[, 1]), estimate = pick(fit$pstate), std_error = pick(fit$std.err),
    lower = pick(fit$lower), upper = pick(fit$upper), free = unname(fit$pstate[, 1]))
}
fit <- function(formula, data, ...) steps(do.call(survfit, list(formula = formula, data = data, ...)))
from_zero <- Surv(exit, state) ~ 1
late <- Surv(entry, exit, state) ~ 1
kinds <- c("log-log", "log", "plain")

aalen <- function(time, cause, times, ...) {
  found <- timepoints(cuminc(time, cause, ...), times)
  list(times = times, estimate = unname(found$est), variance = unname(found$var), names = rownames(found$est))
}
toy <- list(time = c(1, 1, 2, 4, 4, 4, 6, 6, 7, 8, 9, 9, 9, 1, 2, 2, 4, 4), cause = c(1, 1, 1, 2, 2, 2, 3, 3, 3, rep(0, 9)))
melanoma <- transform(Melanoma, cause = c(1, 0, 2)[status])

expected <- list(
  people = people[names(people) != "state"],
  from_zero = setNames(lapply(kinds, function(k) fit(from_zero, people, conf.type = k)), kinds),
  level_90 = fit(from_zero, people, conf.type = "log-log", conf.int = 0.9),
  by_group = setNames(lapply(c("a", "b", "c"), function(g) fit(from_zero, people[people$group == g, ], conf.type = "log-log")), c("a", "b", "c")),
  delayed = fit(late, people, id = people$id, conf.type = "log-log"),
  weighted = fit(from_zero, people, id = people$id, weights = people$weight, conf.type = "log"),
  delayed_weighted = fit(late, people, id = people$id, weights = people$weight, conf.type = "plain"),
  aalen = aalen(people$exit, people$event, c(5, 10, 20, 30, 40)),
  toy = c(toy, list(aalen = aalen(toy$time, toy$cause, sort(unique(toy$time))))),
  melanoma = aalen(melanoma$time, melanoma$cause, c(1000, 2000, 3000, 4000), group = melanoma$ulcer),
  melanoma_survfit = lapply(0:1, function(u) {
    f <- survfit(Surv(time, factor(cause)) ~ 1, melanoma[melanoma$ulcer == u, ], conf.type = "log-log")
    s <- summary(f, times = c(1000, 2000, 3000, 4000))
    list(estimate = unname(s$pstate[, 2:3]), std_error = unname(s$std.err[, 2:3]), lower = unname(s$lower[, 2:3]), upper = unname(s$upper[, 2:3]))
  })
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
packages <- c("survival", "cmprsk", "MASS", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

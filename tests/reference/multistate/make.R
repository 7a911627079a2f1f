# Reference numbers for multi-state models: R's survival package on made-up people and on published data.
#   Rscript tests/reference/multistate/make.R [FOLDER FOR THE RESULTS]      (from the project root: it reads ../shared)
# The made-up people are written with the numbers; of the published data sets only numbers are written.
suppressMessages({library(survival); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
shared <- function(name) read.csv(file.path("..", "shared", "data", "reference", paste0(name, ".csv")))

states_at <- function(fit, times) {
  s <- summary(fit, times = times)
  group <- if (is.null(s$strata)) rep("Overall", length(s$time)) else sub(".*=", "", as.character(s$strata))
  k <- length(fit$states)
  data.frame(group = rep(group, k), state = rep(fit$states, each = length(s$time)), time = rep(s$time, k), estimate = as.vector(s$pstate),
    std_error = as.vector(s$std.err), conf_low = as.vector(s$lower), conf_high = as.vector(s$upper), n_at_risk = as.vector(s$n.risk))
}
stays <- function(fit, until) {
  table <- survival:::survmean2(survfit0(fit), rmean = until)$matrix
  data.frame(state = fit$states, estimate = unname(table[, "rmean"]), std_error = unname(table[, grep("^se", colnames(table))]))
}

# illness with recovery and two causes of death; late entry into any state, in whole months, and a change of covariate that splits rows
set.seed(20251108)
rows <- do.call(rbind, lapply(1:160, function(id) {
  state <- sample(c("well", "LS"), 1, prob = c(0.7, 0.3)); now <- sample(c(0, 0, 0, 3, 5), 1); out <- NULL
  for (k in 1:5) {
    stay <- sample(1:14, 1)
    then <- sample(if (state == "well") c("LS", "dead", "well", "censored") else c("well", "cancer", "dead", "LS", "censored"), 1,
      prob = if (state == "well") c(.45, .15, .2, .2) else c(.3, .15, .2, .15, .2))
    out <- rbind(out, data.frame(id = id, entry = now, exit = now + stay, from = state, to = then))
    now <- now + stay
    if (then %in% c("dead", "cancer", "censored")) break
    state <- then
  }
  out
}))
rows$arm <- ifelse(rows$id %% 2 == 0, "b", "a")
levels <- c("well", "LS", "cancer", "dead")
rows$event <- factor(ifelse(rows$to == rows$from, "censored", rows$to), c("censored", levels))
rows$istate <- factor(rows$from, levels)
times <- c(2, 5, 9, 14, 20, 30)
made <- function(formula, ...) do.call(survfit, list(formula = formula, data = rows, id = rows$id, istate = rows$istate, ...))
one <- Surv(rows$entry, rows$exit, rows$event)
kinds <- c("log-log", "log", "plain")
from <- function(state, start) states_at(made(one ~ 1, start.time = start, p0 = as.numeric(levels == state), conf.type = "plain"), c(8, 12, 20, 30))

sir <- shared("etm_sir_cont")
sir <- sir[order(sir$id, sir$time), ]
sir$entry <- ave(sir$time, sir$id, FUN = function(t) c(0, head(t, -1)))
sir$event <- factor(sir$to, c("cens", "0", "1", "2")); sir$istate <- factor(sir$from, c("0", "1", "2"))
sir_fit <- survfit(Surv(entry, time, event) ~ 1, sir, id = id, istate = istate, influence = TRUE, conf.type = "plain")
abortion <- shared("etm_abortion"); abortion$event <- factor(abortion$cause, 0:3)
# R counts those at risk at the last exit time before the time asked, so ask at exit times of both groups
weeks <- intersect(abortion$exit[abortion$group == 0], abortion$exit[abortion$group == 1])
weeks <- sort(weeks)[round(seq(3, length(weeks), length.out = 6))]
four <- shared("etm_fourD"); four$event <- factor(four$status, 0:2)

expected <- list(
  rows = rows[c("id", "entry", "exit", "from", "to", "arm")],
  # influence = TRUE: only then the uncertainty of the initial distribution is in R's standard errors
  made = setNames(lapply(kinds, function(k) states_at(made(one ~ 1, influence = TRUE, conf.type = k), times)), kinds),
  made_by = do.call(rbind, lapply(c("a", "b"), function(g) {
    d <- rows[rows$arm == g, ]
    fit <- survfit(Surv(entry, exit, event) ~ 1, d, id = id, istate = istate, influence = TRUE, conf.type = "plain")
    transform(states_at(fit, c(2, 5, 9, 14, 20)), group = g)
  })),
  made_fixed = states_at(made(one ~ 1, p0 = c(.5, .5, 0, 0), conf.type = "plain"), times),
  from_well = from("well", 6.5), from_ls = from("LS", 6.5),
  stay = stays(made(one ~ 1, p0 = c(1, 0, 0, 0), influence = TRUE), 20),
  sir = states_at(sir_fit, c(2, 5, 10, 20, 40, 60, 100)), sir_stay = stays(sir_fit, 60),
  abortion = states_at(survfit(Surv(entry, exit, event) ~ group, abortion, id = id, conf.type = "plain"), weeks),
  four = states_at(survfit(Surv(time, event) ~ 1, four, id = id, conf.type = "log-log"), c(0.5, 1, 2, 3, 5))
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
writeLines(c(R.version.string, paste(c("survival", "jsonlite"), sapply(c("survival", "jsonlite"), function(p) as.character(packageVersion(p))))),
  file.path(results, "session.txt"))

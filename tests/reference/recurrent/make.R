# Reference numbers for recurrent events: R's survival package on made-up people and on published data.
#   Rscript tests/reference/recurrent/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers, and so is the bladder cancer trial as published (Wei, Lin and Weissfeld 1989).
suppressMessages({library(survival); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)
numbers <- function(formula, data, ties = "efron") {
  data$person <- data$id
  fit <- do.call(coxph, list(formula = formula, data = data, ties = ties, control = exact, cluster = data$person))
  list(term = names(coef(fit)), coef = unname(coef(fit)), se = unname(sqrt(diag(as.matrix(fit$var)))), loglik = fit$loglik, n = fit$n, events = fit$nevent)
}
counts <- function(fit, times) {
  s <- summary(fit, times = times, extend = FALSE)
  data.frame(group = if (is.null(s$strata)) "Overall" else sub(".*=", "", as.character(s$strata)), time = s$time, estimate = s$cumhaz, std_error = s$std.chaz, n_at_risk = s$n.risk)
}

# people with late entry, gaps between rows, a covariate that changes, and ties
set.seed(20251107)
rows <- do.call(rbind, lapply(1:70, function(id) {
  k <- sample(1:6, 1)
  gap <- sample(c(0, 0, 0, 2), k, replace = TRUE); gap[1] <- sample(0:4, 1)
  stay <- sample(1:9, k, replace = TRUE)
  exit <- cumsum(gap + stay)
  data.frame(id = id, entry = exit - stay, exit = exit, event = rbinom(k, 1, 0.6), x = round(rnorm(k), 2), arm = sample(c("a", "b"), 1))
}))
rows$arm <- ave(rows$arm, rows$id, FUN = function(v) v[1])
rows$number <- ave(rows$event, rows$id, FUN = function(e) 1 + cumsum(e) - e)
# the clock of gap time starts at the last event; for the first event at the first entry
rows$clock <- unlist(lapply(split(rows, rows$id), function(d) {
  reset <- c(TRUE, head(d$event, -1) == 1)
  value <- c(d$entry[1], head(d$exit, -1))
  value[which(reset)][cumsum(reset)]
}))
first3 <- subset(rows, number <= 3)
stacked <- do.call(rbind, lapply(1:3, function(k) {
  d <- subset(rows, number <= k)
  transform(d, event = ifelse(number == k, event, 0), stack = k)
}))
made <- list()
for (ties in c("efron", "breslow")) made[[ties]] <- list(
  ag = numbers(Surv(entry, exit, event) ~ x + arm, rows, ties),
  ag_3 = numbers(Surv(entry, exit, event) ~ x + arm, first3, ties),
  pwp_total = numbers(Surv(entry, exit, event) ~ x + arm + strata(number), rows, ties),
  pwp_total_3 = numbers(Surv(entry, exit, event) ~ x + arm + strata(number), first3, ties),
  pwp_gap_3 = numbers(Surv(entry - clock, exit - clock, event) ~ x + arm + strata(number), first3, ties),
  wlw_3 = numbers(Surv(entry, exit, event) ~ x + arm + strata(stack), stacked, ties)
)

b <- bladder2
bladder_fits <- list(
  ag = numbers(Surv(start, stop, event) ~ rx + number + size, b),
  pwp_total = numbers(Surv(start, stop, event) ~ rx + number + size + strata(enum), b),
  pwp_gap = numbers(Surv(stop - start, event) ~ rx + number + size + strata(enum), b),
  # rows of every number up to 4 from the wide table of the package, not from the counting process
  wlw = numbers(Surv(stop, event) ~ rx + number + size + strata(enum), bladder),
  wlw_each = numbers(Surv(stop, event) ~ rx:strata(enum) + number + size + strata(enum), bladder)
)
expected <- list(
  rows = rows[c("id", "entry", "exit", "event", "x", "arm")], made = made,
  bladder = b[c("id", "rx", "number", "size", "start", "stop", "event")], bladder_fits = bladder_fits,
  cgd = numbers(Surv(tstart, tstop, status) ~ treat + inherit + steroids, cgd),
  cgd_ph = unname(cox.zph(coxph(Surv(tstart, tstop, status) ~ treat + inherit + steroids, cgd, cluster = id, control = exact))$table[, "chisq"]),
  mean_made = counts(survfit(Surv(entry, exit, event) ~ arm, rows, id = id, robust = TRUE), c(3, 6, 10, 15, 22)),
  mean_cgd = counts(survfit(Surv(tstart, tstop, status) ~ treat, cgd, id = id, robust = TRUE), c(50, 100, 200, 300, 350)),
  mean_bladder = counts(survfit(Surv(start, stop, event) ~ rx, b, id = id, robust = TRUE), c(3, 10, 20, 40, 50))
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
writeLines(c(R.version.string, paste(c("survival", "jsonlite"), sapply(c("survival", "jsonlite"), function(p) as.character(packageVersion(p))))),
  file.path(results, "session.txt"))

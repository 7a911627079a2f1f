# Reference numbers for Turnbull curves: R's survfit where its loose tolerance allows, and the EM algorithm run to the end.
#   Rscript tests/reference/turnbull/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(KMsurv); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)

# The EM algorithm in the hazard, on intervals (low, high] with entries: expected events over those at risk, to 1e-13.
# Candidate points are all upper bounds; with left truncation entries close intervals too.
em <- function(low, high, entry = rep(-Inf, length(low)), w = rep(1, length(low)), steps = 200000) {
  points <- sort(unique(c(high[is.finite(high)], entry[is.finite(entry)])))
  free <- outer(entry, points, "<") & outer(low, points, ">=")
  within <- outer(low, points, "<") & outer(high, points, ">=") & is.finite(high)
  exact <- is.finite(high) & low == high
  within[exact, ] <- outer(high[exact], points, "==")
  free[exact, ] <- outer(entry[exact], points, "<") & outer(low[exact], points, ">")
  free <- free * 1; within <- within * 1
  at_risk <- colSums(w * (free + within))
  end <- colSums(w * free) == 0 & colSums(w * within) > 0  # nobody survives: the hazard is infinite
  hazard <- ifelse(end, 40, 0.1)
  loglik <- function(h) sum(w * (-free %*% h)) + sum((w * log(-expm1(-within %*% h)))[is.finite(high)])
  # Poisson counts with mean h at each point: one or more within the interval
  for (i in seq_len(steps)) {
    total <- drop(within %*% hazard)
    count <- hazard * colSums(w * within / ifelse(total > 0, -expm1(-total), 1))
    new <- ifelse(end, 40, ifelse(at_risk > 0, count / at_risk, 0))
    done <- max(abs(exp(-cumsum(new)) - exp(-cumsum(hazard))))
    hazard <- new
    if (done < 1e-14) break
  }
  S <- exp(-cumsum(hazard)); S[cumsum(end) > 0] <- 0
  list(time = points, surv = S, loglik = loglik(hazard), steps = i)
}
at <- function(fit, t) sapply(t, function(s) c(1, fit$surv)[1 + sum(fit$time <= s)])

# Turnbull 1974, table 1, as in the tests of the survival package
turnbull <- data.frame(time = rep(1:4, each = 3), status = rep(c(1, 0, 2), 4), n = c(12, 3, 2, 6, 2, 4, 2, 0, 2, 3, 3, 5))
jasa <- survfit(Surv(time, time, status, type = "interval") ~ 1, turnbull, weights = n)

# visits at any time; and visits at whole years, where every interval may hold events
set.seed(20240615)
n <- 90
time <- rweibull(n, 1.4, 5); first <- runif(n, 0.2, 1.5); step <- runif(n, 0.5, 2)
k <- floor((time - first) / step)
visits <- data.frame(low = round(ifelse(time < first, 0, first + k * step), 3), high = round(ifelse(time < first, first, first + (k + 1) * step), 3))
stop <- round(runif(n, 1, 9), 3)
gone <- visits$high > stop
visits$low[gone] <- pmin(visits$low[gone], stop[gone]); visits$high[gone] <- NA
some <- sample(which(!gone), 12)
visits$low[some] <- visits$high[some] <- round(time[some], 3)
late <- visits$low > 0 & runif(n) < 0.5
visits$entry <- round(ifelse(late, visits$low * runif(n, 0, 0.9), 0), 3)
years <- data.frame(low = floor(time), high = floor(time) + 1)
years$high[years$low >= 8] <- NA; years$low <- pmin(years$low, 8)
censored <- sample(n, 25); years$high[censored] <- NA

interval <- survfit(Surv(low, high, type = "interval2") ~ 1, visits)
grid <- seq(0.25, 8, by = 0.25)
full <- with(visits, em(low, ifelse(is.na(high), Inf, high)))
truncated <- with(visits, em(low, ifelse(is.na(high), Inf, high), ifelse(entry > 0, entry, -Inf)))
data(bcdeter)
bc <- lapply(split(bcdeter, bcdeter$treat), function(d) with(d, em(lower, ifelse(is.na(upper), Inf, upper))))

# common visits: life table, Greenwood's variance
life <- lapply(0:7, function(y) { risk <- sum(years$low >= y & !(is.na(years$high) & years$low == y)); c(risk, sum(years$low == y & !is.na(years$high))) })
life <- do.call(rbind, life)
expected <- list(
  jasa = c(1 - jasa$surv[1], -diff(jasa$surv)), jasa_surv = jasa$surv,
  visits = visits, years = years, grid = grid, r_at_grid = summary(interval, times = grid, extend = TRUE)$surv,
  em_time = full$time, em_surv = full$surv, em_loglik = full$loglik,
  truncated_time = truncated$time, truncated_surv = truncated$surv, truncated_loglik = truncated$loglik,
  bcdeter = lapply(bc, function(f) list(surv = at(f, c(10, 20, 30, 40)), loglik = f$loglik)),
  life_surv = cumprod(1 - life[, 2] / life[, 1]), life_se = cumprod(1 - life[, 2] / life[, 1]) * sqrt(cumsum(life[, 2] / (life[, 1] * (life[, 1] - life[, 2])))),
  steps = c(full$steps, truncated$steps, sapply(bc, function(f) f$steps))
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
used <- c("survival", "KMsurv", "jsonlite")
writeLines(c(R.version.string, paste(used, sapply(used, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

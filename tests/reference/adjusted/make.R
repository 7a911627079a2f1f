# Reference numbers for standardised survival: the mean of survfit over people with the exposure set, its variance by numerical derivatives.
#   Rscript tests/reference/adjusted/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
keep <- function(expected, packages) {
  write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
  writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))
}

set.seed(20240614)
n <- 70
entry <- round(runif(n, 0, 3), 1)
people <- data.frame(entry, x = round(rnorm(n), 2), dose = factor(sample(c("high", "low", "none"), n, replace = TRUE)), site = sample(c("p", "q"), n, replace = TRUE))
people$exit <- people$entry + round(rexp(n, 0.25 * exp(0.4 * people$x + 0.5 * (people$dose == "high"))), 1) + 0.1
people$event <- as.integer(people$exit < 9); people$exit <- pmin(people$exit, 9)
times <- c(1, 2.5, 4, 6.5)
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)

# survival of everybody at the times (people by times) at given coefficients, the baseline estimated anew: survfit of the first person
# of each stratum, raised to the hazard ratio of the others
columns_of <- function(fit, data) model.matrix(delete.response(terms(fit)), rbind(data, people))[seq_len(nrow(data)), names(coef(fit)), drop = FALSE]
survival <- function(fit, data, b) { moved <- coxph(formula(fit), people, ties = fit$method, init = b, iter.max = 0)
  x <- columns_of(fit, data); out <- matrix(NA, nrow(data), length(times)); groups <- if (is.null(fit$strata) && !any(grepl("strata", as.character(formula(fit))))) rep("", nrow(data)) else data$site
  for (s in unique(groups)) { own <- which(groups == s); first <- summary(survfit(moved, newdata = data[own[1], ]), times = times, extend = TRUE)$surv
    out[own, ] <- outer(as.vector(exp((x[own, , drop = FALSE] - rep(x[own[1], ], each = length(own))) %*% b)), first, function(r, s) s^r) }
  out }
set_to <- function(level) transform(people, dose = factor(level, levels(people$dose)))
standardise <- function(formula) { fit <- coxph(formula, people, control = exact); step <- 1e-5; levels <- levels(people$dose); b <- coef(fit)
  strata <- if (any(grepl("strata", attr(terms(formula), "term.labels")))) people$site else rep("", n)
  curve <- function(level, b) colMeans(survival(fit, set_to(level), b))
  mean <- lapply(levels, curve, b)
  gradient <- lapply(levels, function(level) sapply(seq_along(b), function(j) { e <- replace(0 * b, j, step); (curve(level, b + e) - curve(level, b - e)) / (2 * step) }))
  # variance of the baseline hazard at fixed coefficients: that of one person less the part of the coefficients
  baseline <- lapply(sort(unique(strata)), function(s) { one <- people[which(strata == s)[1], ]
    at <- function(b) as.vector(-log(survival(fit, one, b))); slope <- sapply(seq_along(b), function(j) { e <- replace(0 * b, j, step); (at(b + e) - at(b - e)) / (2 * step) })
    whole <- summary(survfit(fit, newdata = one), times = times, extend = TRUE); whole$std.err <- whole$std.err / whole$surv
    list(s = s, risk = exp(sum(columns_of(fit, one) * b)), variance = whole$std.err^2 - rowSums((slope %*% vcov(fit)) * slope)) })
  fixed <- function(i, j) { total <- rowSums((gradient[[i]] %*% vcov(fit)) * gradient[[j]])
    for (base in baseline) { part <- lapply(c(i, j), function(k) { data <- set_to(levels[k]); own <- strata == base$s; risk <- exp(columns_of(fit, data) %*% b)
      colSums((survival(fit, data, b) * as.vector(risk / base$risk))[own, , drop = FALSE]) / n }); total <- total + part[[1]] * part[[2]] * base$variance }
    total }
  drawn <- function(i, j) sapply(seq_along(times), function(t) { s <- lapply(c(i, j), function(k) survival(fit, set_to(levels[k]), b)[, t]); sum((s[[1]] - mean(s[[1]])) * (s[[2]] - mean(s[[2]]))) / n^2 })
  list(levels = levels, mean = do.call(rbind, mean), fixed = lapply(1:3, function(i) fixed(i, i)), drawn = lapply(1:3, function(i) drawn(i, i)), fixed_12 = fixed(1, 2), drawn_12 = drawn(1, 2)) }

keep(list(people = people, times = times,
  right = standardise(Surv(exit, event) ~ x + dose), late = standardise(Surv(entry, exit, event) ~ x + dose),
  strata = standardise(Surv(entry, exit, event) ~ x + dose + strata(site))), c("survival", "jsonlite"))

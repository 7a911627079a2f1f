# Reference numbers for what follows a Cox fit, from R's survival: test of proportional hazards, residuals, predicted survival,
# concordance, offset, time-varying coefficients, ridge, frailty; and Firth's penalty maximised by optim on a likelihood written out.
#   Rscript tests/reference/cox_after/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers. The published data sets come with R; only numbers are written.
suppressMessages({library(survival); library(jsonlite)})
options(digits = 15)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]

# people who enter late, in whole months, so that entries, exits and events tie; made by formula
n <- 160; i <- seq_len(n)
people <- data.frame(id = i, entry = (i * 7) %% 20, x = round(sin(i * 1.7) + cos(i * 0.9), 3), z = as.integer((i * i) %% 5 < 2),
  group = c("a", "b", "c")[1 + (i * 11) %% 3], site = 1 + (i * 5) %% 4, clinic = 1 + (i * 13) %% 31, weight = 0.5 + ((i * 17) %% 23) / 10)
people$exit <- people$entry + 1 + floor(30 * ((i * 37) %% 101) / 101 * exp(-0.4 * people$x / 2))
people$event <- as.integer((i * 29) %% 7 < 4)
people$offset <- round(0.3 * cos(i), 3)

exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100, outer.max = 100)
right <- "Surv(exit, event)"; late <- "Surv(entry, exit, event)"
fit <- function(outcome, terms, ...) do.call(coxph, list(formula = as.formula(paste(outcome, "~", terms)), data = people, control = exact, ...))
cases <- list(
  right = fit(right, "x + z + group"), late = fit(late, "x + z + group"), late_breslow = fit(late, "x + z + group", ties = "breslow"),
  late_site = fit(late, "x + z + group + strata(site)"), late_site_weight = fit(late, "x + z + group + strata(site)", weights = people$weight, robust = FALSE),
  late_cluster = fit(late, "x + z + group", cluster = people$clinic), late_offset = fit(late, "x + z + group + offset(offset)"))

zph <- function(fit, transform) { t <- cox.zph(fit, transform)$table; list(term = rownames(t), chi2 = unname(t[, 1]), df = unname(t[, 2]), p = unname(t[, 3])) }
tests <- lapply(cases, function(fit) sapply(c("km", "identity", "rank"), function(name) zph(fit, name), simplify = FALSE))
for (name in names(cases)) tests[[name]]$log <- zph(cases[[name]], "log")

residual <- function(fit, type) { r <- residuals(fit, type); unname(as.matrix(r)) }
kinds <- c("schoenfeld", "scaledsch", "dfbeta", "dfbetas", "deviance")
residuals_of <- lapply(cases[c("right", "late_breslow", "late_site_weight")], function(fit) sapply(kinds, function(kind) residual(fit, kind), simplify = FALSE))
schoenfeld_times <- lapply(cases[c("right", "late_breslow")], function(fit) as.numeric(rownames(residuals(fit, "schoenfeld"))))

described <- data.frame(x = c(-1, 0.5, 1.2), z = c(0, 1, 1), group = c("a", "c", "b"), site = c(1, 2, 4), offset = c(0, 0.2, -0.1))
times <- c(3, 8, 14, 22)
predicted <- function(fit, kind) { s <- summary(survfit(fit, newdata = described, conf.type = kind), times = times, extend = TRUE)
  list(surv = as.vector(s$surv), se = as.vector(s$std.err), low = as.vector(s$lower), high = as.vector(s$upper)) }
survival_of <- lapply(cases, function(fit) sapply(c("log", "log-log", "plain"), function(kind) predicted(fit, kind), simplify = FALSE))

agree <- function(fit) { c <- concordance(fit); list(estimate = unname(c$concordance), se = sqrt(c$var), count = unname(colSums(rbind(c$count)))) }
concordance_of <- lapply(cases, agree)
estimates <- function(fit) list(coef = unname(coef(fit)), se = unname(sqrt(diag(fit$var))), loglik = fit$loglik)

# Firth: log partial likelihood (Breslow or Efron) plus half the log determinant of its information, maximised from scratch
loglik <- function(b, x, entry, exit, event, stratum, efron) {
  p <- ncol(x); total <- 0; info <- matrix(0, p, p); r <- exp(drop(x %*% b))
  for (s in unique(stratum)) for (t in unique(exit[stratum == s & event == 1])) {
    risk <- stratum == s & entry < t & t <= exit; dead <- stratum == s & event == 1 & exit == t; d <- sum(dead)
    for (k in seq_len(d) - 1) {
      w <- r * risk - (if (efron) k / d else 0) * r * dead; s0 <- sum(w); mean <- colSums(w * x) / s0
      info <- info + crossprod(x * sqrt(w)) / s0 - outer(mean, mean); total <- total - log(s0)
    }
    total <- total + sum(x[dead, , drop = FALSE] %*% b)
  }
  list(loglik = total, info = info)
}
firth <- function(x, entry, exit, event, stratum = rep(1, length(exit)), efron = TRUE) {
  value <- function(b) { l <- loglik(b, x, entry, exit, event, stratum, efron); -(l$loglik + 0.5 * as.numeric(determinant(l$info)$modulus)) }
  at <- optim(rep(0, ncol(x)), value, method = "BFGS", control = list(reltol = 1e-15, maxit = 1000))
  at <- optim(at$par, value, method = "Nelder-Mead", control = list(reltol = 1e-16, maxit = 5000))
  at <- nlm(value, at$par, gradtol = 1e-10, steptol = 1e-12, iterlim = 500)
  # one-dimensional profile of the first coefficient
  profile <- function(v) { f <- function(rest) value(c(v, rest)); -(if (ncol(x) == 2) optimize(f, at$estimate[2] + c(-4, 4), tol = 1e-10)$objective else nlm(f, at$estimate[-1])$minimum) }
  top <- -at$minimum; half <- qchisq(0.95, 1) / 2
  limit <- function(side) uniroot(function(v) profile(v) - top + half, at$estimate[1] + side * c(0, 8), tol = 1e-9)$root
  list(coef = at$estimate, se = sqrt(diag(solve(loglik(at$estimate, x, entry, exit, event, stratum, efron)$info))), loglik = c(-value(rep(0, ncol(x))), top), low = limit(-1), high = limit(1))
}
few <- people[seq_len(60), ]; few$rare <- as.integer(few$id %% 9 == 0); few$event <- as.integer(few$event == 1 & few$rare == 0)
# nobody with the rare exposure has the event: the ordinary estimate is minus infinity
firths <- list(efron = firth(cbind(few$rare, few$x), rep(-1, 60), few$exit, few$event), breslow = firth(cbind(few$rare, few$x), few$entry, few$exit, few$event, few$site, FALSE))

ridge_fit <- coxph(Surv(entry, exit, event) ~ ridge(x, z, theta = 5) + group, people, control = exact)
ridge_raw <- coxph(Surv(entry, exit, event) ~ ridge(x, z, theta = 5, scale = FALSE) + group, people, control = exact)
frail <- function(theta, data, formula) { environment(formula) <- environment(); estimates(coxph(formula, data, control = exact)) }
marginal <- function(theta) { f <- coxph(Surv(time, status) ~ age + sex + frailty(id, theta = theta), kidney, control = exact); f$history[[1]]$c.loglik }
frailties <- list(
  kidney_1 = frail(1, kidney, Surv(time, status) ~ age + sex + disease + frailty(id, theta = theta)),
  kidney_412 = frail(0.412, kidney, Surv(time, status) ~ age + sex + frailty(id, theta = theta)),
  people_half = frail(0.5, people, Surv(entry, exit, event) ~ x + z + frailty(clinic, theta = theta)),
  people_half_breslow = estimates(coxph(Surv(entry, exit, event) ~ x + z + frailty(clinic, theta = 0.5) + strata(site), people, ties = "breslow", control = exact)),
  marginal = sapply(c(0.2, 0.4077, 1), marginal), best = optimize(marginal, c(0.2, 0.8), maximum = TRUE, tol = 1e-6)$maximum)

tt <- list(
  veteran = estimates(coxph(Surv(time, status) ~ trt + prior + karno + tt(karno), veteran, tt = function(x, t, ...) x * log(t + 20), control = exact)),
  people = estimates(coxph(Surv(exit, event) ~ z + tt(x) + x + strata(site), people, tt = function(x, t, ...) x * log(t), control = exact)),
  step = estimates(coxph(Surv(tstart, time, status) ~ trt + prior + karno:strata(tgroup), survSplit(Surv(time, status) ~ ., veteran, cut = c(90, 180), episode = "tgroup"), control = exact)))

rossi_like <- list(lung = zph(coxph(Surv(time, status) ~ age + sex + ph.ecog, lung, control = exact), "km"),
  veteran = zph(coxph(Surv(time, status) ~ trt + celltype + karno + diagtime + age + prior, veteran, control = exact), "km"))

out <- list(people = people, described = described, times = times, fits = lapply(cases, estimates), tests = tests, residuals = residuals_of, schoenfeld_times = schoenfeld_times,
  survival = survival_of, concordance = concordance_of, firth = list(data = few, fits = firths), ridge = estimates(ridge_fit), ridge_raw = estimates(ridge_raw), frailty = frailties, tt = tt, published = rossi_like)
write_json(out, file.path(results, "expected.json"), digits = 14, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
writeLines(c(R.version.string, sapply(c("survival", "jsonlite"), function(p) paste(p, packageVersion(p)))), file.path(results, "session.txt"))

# Reference numbers for accelerated failure time models: R's survreg, and own likelihoods where survreg has none
# (left truncation, the generalised gamma).
#   Rscript tests/reference/aft/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(MASS); library(numDeriv); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
tight <- survreg.control(maxiter = 100, rel.tolerance = 1e-14)

# people seen at visits: some times exact, some right-, left- and interval-censored
set.seed(20240614)
n <- 160
x <- round(rnorm(n), 3)
g <- sample(c("a", "b", "c"), n, replace = TRUE)
time <- exp(1 + 0.5 * x - 0.4 * (g == "b") + 0.3 * (g == "c") + 0.6 * log(rexp(n)))
kind <- sample(4, n, replace = TRUE, prob = c(3, 2, 1, 4))
low <- c(NA, NA, NA, NA)[kind]; high <- low
low[kind == 1] <- high[kind == 1] <- time[kind == 1]
low[kind == 2] <- time[kind == 2] * runif(sum(kind == 2), 0.3, 1)
high[kind == 3] <- time[kind == 3] * runif(sum(kind == 3), 1, 2)
low[kind == 4] <- time[kind == 4] * runif(sum(kind == 4), 0.5, 1)
high[kind == 4] <- time[kind == 4] * runif(sum(kind == 4), 1, 1.6)
censor <- rexp(n, 0.15) + 0.01
people <- data.frame(x, g, low = round(low, 4), high = round(high, 4), copies = rpois(n, 1) + 1, w = round(runif(n, 0.3, 2.5), 2),
  clinic = sample(20, n, replace = TRUE), exit = round(pmin(time, censor), 4) + 0.0001, event = as.integer(time <= censor))
# people who come under observation late: those whose event came before are not there
N <- 320
lx <- round(rnorm(N), 3); lg <- sample(c("a", "b", "c"), N, replace = TRUE)
lt <- exp(1 + 0.5 * lx - 0.4 * (lg == "b") + 0.3 * (lg == "c") + 0.6 * log(rexp(N)))
le <- round(runif(N, 0, 2.5), 4)
gap <- runif(N, 0.3, 1.2)
late <- data.frame(x = lx, g = lg, entry = le, low = round(pmax(le, lt - gap * runif(N)), 4), high = round(lt + gap * runif(N), 4),
  exit = round(pmin(lt, le + 0.0001 + rexp(N, 0.3)), 4), event = 0L)
late$event <- as.integer(abs(late$exit - lt) < 1e-3)
late$high[late$event == 0] <- NA
late$low[late$event == 0] <- late$exit[late$event == 0]
late <- late[lt > le & late$exit > late$entry, ]
bounds <- with(people, Surv(low, high, type = "interval2"))

fit <- function(f) list(coef = as.list(coef(f)), log_scale = log(f$scale), se = unname(sqrt(diag(vcov(f)))), loglik = f$loglik)
names_of <- c(weibull = "weibull", exponential = "exponential", lognormal = "lognormal", loglogistic = "loglogistic")
mixed <- lapply(names_of, function(d) fit(survreg(bounds ~ x + g, people, dist = d, control = tight)))
copies <- lapply(names_of, function(d) fit(survreg(bounds ~ x + g, people, dist = d, weights = copies, control = tight)))
# robust variances by their definition, with scores by numerical differentiation: the residuals of survreg that its own robust
# variance squares have a wrong derivative in log(scale) for interval-censored rows (survival 3.5-3), and leave the weights out
rows <- function(theta) {
  mu <- drop(model.matrix(~ x + g, people) %*% theta[1:4]); s <- exp(theta[5])
  low <- ifelse(is.na(people$low), 1e-300, people$low); high <- ifelse(is.na(people$high), Inf, people$high)
  surv <- function(t) pweibull(t, 1 / s, exp(mu), lower.tail = FALSE)
  ifelse(low == high, dweibull(low, 1 / s, exp(mu), log = TRUE), log(surv(low) - surv(high)))
}
by_definition <- function(f, w, cluster) {
  theta <- c(coef(f), log(f$scale))
  bread <- solve(-hessian(function(t) sum(w * rows(t)), theta))
  result <- fit(f)
  result$se <- sqrt(diag(bread %*% crossprod(rowsum(w * jacobian(rows, theta), cluster)) %*% bread))
  result
}
robust <- by_definition(survreg(bounds ~ x + g, people, weights = w, control = tight), people$w, seq_len(n))
clustered <- by_definition(survreg(bounds ~ x + g, people, control = tight), rep(1, n), people$clinic)
# where all times are exact or right-censored survreg is right
right_clustered <- fit(survreg(Surv(exit, event) ~ x + g + cluster(clinic), people, control = tight))
right_weighted <- survreg(Surv(exit, event) ~ x + g, people, weights = w, robust = TRUE, control = tight)
right_robust <- fit(right_weighted)
right_robust$se <- unname(sqrt(diag(crossprod(residuals(right_weighted, "dfbeta", weighted = TRUE)))))
right <- lapply(names_of, function(d) fit(survreg(Surv(exit, event) ~ x + g, people, dist = d, control = tight)))
late_gauss <- fit(survreg(Surv(pmax(exit, 2), exit > 2, type = "left") ~ x, people, dist = "gaussian", control = tight))

# quantiles and their standard errors on the scale of log time
f <- survreg(bounds ~ x + g, people, dist = "weibull", control = tight)
new <- data.frame(x = c(0, 1), g = c("a", "b"))
q <- predict(f, new, type = "uquantile", p = c(0.1, 0.5, 0.9), se.fit = TRUE)

# likelihoods of left-truncated rows: S, f and F of each distribution, the generalised gamma in Prentice's parameters
S <- list(
  weibull = function(t, mu, s, q) pweibull(t, 1 / s, exp(mu), lower.tail = FALSE, log.p = TRUE),
  exponential = function(t, mu, s, q) pexp(t, exp(-mu), lower.tail = FALSE, log.p = TRUE),
  lognormal = function(t, mu, s, q) plnorm(t, mu, s, lower.tail = FALSE, log.p = TRUE),
  loglogistic = function(t, mu, s, q) plogis(log(t), mu, s, lower.tail = FALSE, log.p = TRUE),
  generalized_gamma = function(t, mu, s, q) pgamma(exp(q * (log(t) - mu) / s) / q^2, 1 / q^2, lower.tail = q < 0, log.p = TRUE))
density <- list(
  weibull = function(t, mu, s, q) dweibull(t, 1 / s, exp(mu), log = TRUE),
  exponential = function(t, mu, s, q) dexp(t, exp(-mu), log = TRUE),
  lognormal = function(t, mu, s, q) dlnorm(t, mu, s, log = TRUE),
  loglogistic = function(t, mu, s, q) dlogis(log(t), mu, s, log = TRUE) - log(t),
  generalized_gamma = function(t, mu, s, q) { k <- 1 / q^2; v <- exp(q * (log(t) - mu) / s)
    dgamma(k * v, k, log = TRUE) + log(k * v * abs(q) / (s * t)) })
minus <- function(theta, d, X, low, high, entry) {
  p <- ncol(X)
  s <- if (d == "exponential") 1 else exp(theta[p + 1])
  q <- if (d == "generalized_gamma") theta[p + 2] else NA
  mu <- drop(X %*% theta[1:p])
  exact <- !is.na(low) & !is.na(high) & low == high
  low1 <- ifelse(is.na(low), 1e-300, low); high1 <- ifelse(is.na(high), Inf, high)
  up <- S[[d]](low1, mu, s, q); down <- ifelse(is.finite(high1), S[[d]](ifelse(is.finite(high1), high1, 1), mu, s, q), -Inf)
  value <- ifelse(exact, density[[d]](low1, mu, s, q), up + log1p(-exp(down - up)))
  late <- ifelse(entry > 0, S[[d]](ifelse(entry > 0, entry, 1), mu, s, q), 0)
  -sum(value - late)
}
own <- function(d, data, low, high, entry, start) {
  X <- model.matrix(~ x + g, data)
  value <- function(b) { v <- minus(b, d, X, low, high, entry); if (is.finite(v)) v else 1e10 }
  best <- start
  for (i in 1:20) best <- nlminb(best, value, control = list(eval.max = 4000, iter.max = 2000, rel.tol = 1e-15))$par
  for (i in 1:4) best <- best - solve(hessian(value, best), grad(value, best))
  H <- hessian(value, best)
  list(coef = best, se = sqrt(diag(solve(H))), loglik = -value(best))
}
from <- function(fits) { s <- lapply(fits, function(m) c(unlist(m$coef), if (m$log_scale != 0) m$log_scale))
  c(s, list(generalized_gamma = c(s$weibull, 0.9))) }
starts <- from(mixed)
every <- names(starts)
truncated <- setNames(lapply(every, function(d) own(d, late, late$low, late$high, late$entry, starts[[d]])), every)
delayed <- setNames(lapply(every, function(d) own(d, late, late$exit, ifelse(late$event == 1, late$exit, NA), late$entry, starts[[d]])), every)
gamma_mixed <- own("generalized_gamma", people, people$low, people$high, 0 * people$x, starts$generalized_gamma)

lung2 <- na.omit(lung[c("time", "status", "age", "sex", "ph.ecog")])
expected <- list(
  people = people, mixed = mixed, copies = copies, robust = robust, clustered = clustered,
  right_robust = right_robust, right_clustered = right_clustered, right = right, tobit = late_gauss,
  quantile = q$fit, quantile_se = q$se.fit, late = late, truncated = truncated, delayed = delayed, gamma_mixed = gamma_mixed,
  gehan = fit(survreg(Surv(time, cens) ~ relevel(factor(treat), "control"), gehan, control = tight)),
  lung = fit(survreg(Surv(time, status) ~ age + sex + ph.ecog, lung2, control = tight)),
  veteran = fit(survreg(Surv(time, status) ~ trt + celltype + karno + diagtime + age + prior, veteran, control = tight)),
  veteran_loglogistic = fit(survreg(Surv(time, status) ~ trt + celltype + karno + diagtime + age + prior, veteran, dist = "loglogistic", control = tight)),
  tobin = fit(survreg(Surv(durable, durable > 0, type = "left") ~ age + quant, tobin, dist = "gaussian", control = tight))
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
used <- c("survival", "MASS", "numDeriv", "jsonlite")
writeLines(c(R.version.string, paste(used, sapply(used, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

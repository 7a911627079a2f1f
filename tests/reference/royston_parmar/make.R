# Reference numbers for flexible parametric models: the likelihood written out with its own spline basis and maximised here, because
# Debian has no package that fits it (flexsurv's flexsurvspline has the same knots and parameters).
#   Rscript tests/reference/royston_parmar/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(numDeriv); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)

set.seed(20240617)
N <- 400
x <- round(rnorm(N), 3); g <- sample(0:1, N, replace = TRUE)
time <- (rexp(N) / exp(0.5 * x - 0.6 * g))^(1 / 1.5) * 4 + 0.05
entry <- ifelse(runif(N) < 0.6, runif(N, 0, 3), 0)
stop <- entry + rexp(N, 0.15) + 0.01
people <- data.frame(x, g, entry = round(entry, 4), time = round(pmin(time, stop), 4), ill = as.integer(time <= stop),
  copies = rpois(N, 0.6) + 1, clinic = sample(25, N, replace = TRUE))[time > entry, ]
people <- people[people$time > people$entry, ]

# restricted cubic spline of Royston and Parmar by its definition, and its derivative
bends <- function(u, k, f) { m <- length(k); inner <- k[-c(1, m)]; w <- (k[m] - inner) / (k[m] - k[1])
  matrix(vapply(seq_along(inner), function(j) f(u - inner[j]) - w[j] * f(u - k[1]) - (1 - w[j]) * f(u - k[m]), u), length(u)) }
basis <- function(u, k) cbind(u, bends(u, k, function(v) pmax(v, 0)^3))
slope <- function(u, k) cbind(1 + 0 * u, bends(u, k, function(v) 3 * pmax(v, 0)^2))
knots <- function(d, df) quantile(log(d$time[d$ill == 1]), seq(0, 1, length.out = df + 1), names = FALSE)
link <- list(
  hazard = list(S = function(e) -exp(e), f = function(e) e - exp(e)),
  odds = list(S = function(e) -log1p(exp(e)), f = function(e) dlogis(e, log = TRUE)),
  normal = list(S = function(e) pnorm(-e, log.p = TRUE), f = function(e) dnorm(e, log = TRUE)))

model <- function(d, df, scale, late = TRUE, tvc = 0, w = rep(1, nrow(d)), cluster = NULL, start) {
  k <- knots(d, df); kt <- if (tvc > 0) knots(d, tvc)
  design <- function(t, d, diff = FALSE) { u <- log(t); b <- matrix((if (diff) slope else basis)(u, k), nrow(d))[, 1:df, drop = FALSE]
    z <- if (diff) cbind(0 * d$x, 0 * d$g, 0) else cbind(d$x, d$g, 1)
    cbind(z, b, if (tvc > 0) d$g * matrix((if (diff) slope else basis)(u, kt), nrow(d))[, 1:tvc, drop = FALSE]) }
  D <- design(d$time, d); Dd <- design(d$time, d, TRUE); on <- if (late) which(d$entry > 0) else integer(0)
  E <- if (length(on)) design(d$entry[on], d[on, ])
  L <- link[[scale]]
  rows <- function(p) { e <- drop(D %*% p); v <- ifelse(d$ill == 1, L$f(e) + log(pmax(drop(Dd %*% p), 1e-300)) - log(d$time), L$S(e))
    if (length(on)) v[on] <- v[on] - L$S(drop(E %*% p)); v }
  value <- function(p) { v <- -sum(w * rows(p)); if (is.finite(v)) v else 1e10 }
  if (missing(start)) { s <- survreg(Surv(time, ill) ~ x + g, d, weights = w, dist = c(hazard = "weibull", odds = "loglogistic", normal = "lognormal")[[scale]])
    start <- c(-coef(s)[2:3], -coef(s)[1], 1) / s$scale; start <- c(start, rep(0, df - 1 + tvc)) }
  # bends are nearly collinear: climb in orthonormal columns, and turn the estimate back
  R <- qr.R(qr(D, LAPACK = FALSE)) / sqrt(nrow(D)); back <- solve(R)
  turned <- function(a) value(drop(back %*% a))
  a <- drop(R %*% start)
  for (i in 1:30) a <- nlminb(a, turned, control = list(eval.max = 5000, iter.max = 3000, rel.tol = 1e-15))$par
  for (i in 1:4) a <- a - solve(hessian(turned, a), grad(turned, a))
  p <- drop(back %*% a)
  V <- back %*% solve(hessian(turned, a)) %*% t(back)
  if (!is.null(cluster)) V <- V %*% crossprod(rowsum(w * jacobian(rows, p), cluster)) %*% V
  # what it predicts for x = 0.5, with delta-method standard errors
  new <- data.frame(x = 0.5, g = 0:1); times <- c(1, 3, 6)
  logH <- function(q) unlist(lapply(times, function(t) log(-L$S(drop(design(c(t, t), new) %*% q)))))
  logh <- function(q) unlist(lapply(times, function(t) { e <- drop(design(c(t, t), new) %*% q)
    L$f(e) - L$S(e) + log(drop(design(c(t, t), new, TRUE) %*% q)) - log(t) }))
  ratio <- function(q) { h <- logh(q); h[c(2, 4, 6)] - h[c(1, 3, 5)] }
  error <- function(f) { J <- jacobian(f, p); sqrt(rowSums((J %*% V) * J)) }
  H <- exp(logH(p))
  median <- function(g1) function(q) { sapply(g1, function(gg) uniroot(function(u) L$S(drop(design(exp(u), data.frame(x = 0.5, g = gg)) %*% q)) - log(0.5), c(-6, 8), tol = 1e-14)$root) }
  list(coef = p, se = sqrt(diag(V)), loglik = -value(p), knots = k, survival = exp(-H), survival_se = exp(-H) * H * error(logH), hazard = exp(logh(p)),
    log_hazard_se = error(logh), log_ratio = ratio(p), log_ratio_se = error(ratio), log_median = median(0:1)(p), log_median_se = error(median(0:1)))
}
scales <- c(hazard = "hazard", odds = "odds", normal = "normal")
expected <- list(
  people = people, times = c(1, 3, 6),
  late = lapply(scales, function(s) model(people, 3, s)),
  plain = lapply(scales, function(s) model(people, 2, s, late = FALSE)),
  five = model(people, 5, "hazard"),
  varying = lapply(scales, function(s) model(people, 3, s, tvc = 2)),
  copies = model(people, 3, "hazard", w = people$copies),
  cluster = model(people, 3, "hazard", cluster = people$clinic)
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
used <- c("survival", "numDeriv", "jsonlite")
writeLines(c(R.version.string, paste(used, sapply(used, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

# Reference numbers for marginal models (GEE) and bounded scores: geepack, and sandwiches written out.
#   Rscript tests/reference/gee/make.R [FOLDER FOR THE RESULTS]
# The made-up visits are written with the numbers; the pigs (geepack::dietox) are shipped by statsmodels and not stored.
suppressMessages({library(geepack); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
tight <- geese.control(epsilon = 1e-13, maxit = 500)

i <- 0:239
wave <- function(k) sin(12.9898 * k) * 43758.5453
unit <- function(k) { u <- wave(k) - floor(wave(k)); pmin(pmax(u, 0.001), 0.999) }
noise <- function(k) qnorm(unit(k))
v <- data.frame(patient = i %/% 4, visit = i %% 4, dose = ((i %/% 4) * 37) %% 101 / 25)
v$score <- pmin(pmax(round(9 + 0.8 * v$dose - 1.2 * v$visit + 3 * noise(v$patient + 1) + 3 * noise(i + 1001)), 0), 18)
v$high <- as.integer(v$score > 9)
v$count <- round(v$score / 3)
v$class <- as.integer(cut(v$score, c(-1, 6, 9, 12, 18))) - 1
v$years <- round(0.5 + 2 * unit(i + 5001), 2)
v$wt <- 1 + (v$visit + v$patient) %% 3 / 2
v <- v[-c(5, 6, 18, 60, 61, 62, 63, 118, 119), ]

facts <- function(fit) list(estimate = unname(coef(fit)), std_error = summary(fit)$coefficients[, 2], model_se = unname(sqrt(diag(fit$geese$vbeta.naiv))),
  alpha = unname(fit$geese$alpha), scale = unname(fit$geese$gamma))
fit <- function(formula, data = v, id = data$patient, ...) facts(do.call(geeglm, c(list(formula = formula, data = data, id = id, control = tight), list(...))))
waves <- v$visit + 1

# Mancl and DeRouen by their definition, a matrix per patient (exchangeable working correlation)
mancl <- function(formula, family) {
  m <- geeglm(formula, data = v, id = patient, family = family, corstr = "exchangeable", control = tight)
  X <- model.matrix(formula, v); mu <- as.vector(fitted(m)); a <- m$geese$alpha; fam <- m$family
  D <- X * as.vector(fam$mu.eta(fam$linkfun(mu))); s <- sqrt(fam$variance(mu)); r <- v[[all.vars(formula)[1]]] - mu
  rows <- split(seq_along(mu), v$patient)
  inverse <- lapply(rows, function(k) { R <- matrix(a, length(k), length(k)); diag(R) <- 1; solve(R * outer(s[k], s[k])) })
  A <- Reduce(`+`, Map(function(k, W) t(D[k, , drop = FALSE]) %*% W %*% D[k, , drop = FALSE], rows, inverse))
  meat <- Reduce(`+`, Map(function(k, W) {
    d <- D[k, , drop = FALSE]; H <- d %*% solve(A) %*% t(d) %*% W
    u <- t(d) %*% W %*% solve(diag(length(k)) - H) %*% r[k]; u %*% t(u)
  }, rows, inverse))
  sqrt(diag(solve(A) %*% meat %*% solve(A)))
}
# fractional logit with the sandwich over rows, and over patients
share <- transform(v, y = score / 18)
fractional <- glm(y ~ dose + visit, quasibinomial, share, control = glm.control(epsilon = 1e-15, maxit = 100))
sandwiched <- function(fit, by) {
  u <- rowsum(model.matrix(fit) * residuals(fit, "working") * weights(fit, "working"), by)
  sqrt(diag(summary(fit)$cov.unscaled %*% crossprod(u) %*% summary(fit)$cov.unscaled))
}
# proportional odds with the sandwich over patients, the scores by numerical derivatives
ordered_fit <- MASS::polr(ordered(class) ~ dose + visit, v, Hess = TRUE, control = list(reltol = 1e-15))
loglik_row <- function(par) {
  eta <- outer(as.vector(as.matrix(v[, c("dose", "visit")]) %*% par[1:2]), par[3:5], function(a, b) b - a)
  cum <- cbind(0, plogis(eta), 1)
  log(cum[cbind(seq_len(nrow(v)), v$class + 2)] - cum[cbind(seq_len(nrow(v)), v$class + 1)])
}
start <- c(coef(ordered_fit), ordered_fit$zeta)
for (step in 1:5) start <- start - solve(numDeriv::hessian(function(p) sum(loglik_row(p)), start), colSums(numDeriv::jacobian(loglik_row, start)))
# the expected information, which estimating equations use
information <- local({
  eta <- outer(as.vector(as.matrix(v[, c("dose", "visit")]) %*% start[1:2]), start[3:5], function(a, b) b - a)
  total <- matrix(0, 5, 5)
  for (j in seq_len(nrow(v))) {
    g <- plogis(eta[j, ]); d <- g * (1 - g)
    D <- cbind(-d * v$dose[j], -d * v$visit[j], diag(d))
    S <- outer(1:3, 1:3, function(a, b) g[pmin(a, b)] * (1 - g[pmax(a, b)]))
    total <- total + t(D) %*% solve(S) %*% D
  }
  total
})
u <- rowsum(numDeriv::jacobian(loglik_row, start), v$patient)
data(dietox, package = "geepack")
expected <- list(
  data = list(visits = v),
  dietox = fit(Weight ~ Time, dietox, dietox$Pig, corstr = "exchangeable"),
  gaussian_independence = fit(score ~ dose + visit, corstr = "independence"),
  gaussian_exchangeable = fit(score ~ dose + visit, corstr = "exchangeable"),
  gaussian_ar1 = fit(score ~ dose + visit, corstr = "ar1", waves = waves),
  binomial_independence = fit(high ~ dose + visit, family = binomial, corstr = "independence"),
  binomial_exchangeable = fit(high ~ dose + visit, family = binomial, corstr = "exchangeable"),
  binomial_ar1 = fit(high ~ dose + visit, family = binomial, corstr = "ar1", waves = waves),
  poisson_exchangeable = fit(count ~ dose + visit, family = poisson, corstr = "exchangeable"),
  poisson_ar1 = fit(count ~ dose + visit, family = poisson, corstr = "ar1", waves = waves),
  poisson_rates = fit(count ~ dose + visit + offset(log(years)), family = poisson, corstr = "exchangeable"),
  weighted_independence = fit(count ~ dose + visit, family = poisson, corstr = "independence", weights = v$wt),
  weighted_exchangeable = fit(count ~ dose + visit, family = poisson, corstr = "exchangeable", weights = v$wt),
  weighted_ar1 = fit(count ~ dose + visit, family = poisson, corstr = "ar1", waves = waves, weights = v$wt),
  mancl = list(gaussian = mancl(score ~ dose + visit, gaussian), binomial = mancl(high ~ dose + visit, binomial)),
  fractional = list(estimate = unname(coef(fractional)), rows = unname(sandwiched(fractional, seq_len(nrow(v)))),
    patients = unname(sandwiched(fractional, v$patient))),
  ordinal = list(estimate = unname(start), std_error = unname(sqrt(diag(solve(information) %*% crossprod(u) %*% solve(information)))))
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null")
packages <- c("geepack", "MASS", "numDeriv", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

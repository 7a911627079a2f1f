# Reference numbers for ordinal models: ordinal::clm and clmm, rms::orm, VGAM::vglm, sandwich, survey, lme4, and Brant's test written out.
#   Rscript tests/reference/ordinal/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers.
suppressMessages({library(ordinal); library(jsonlite); library(survey); library(numDeriv)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
tight <- clm.control(gradTol = 1e-12, maxIter = 200, relTol = 1e-14)

set.seed(1953)
n <- 360
people <- data.frame(age = round(runif(n, 20, 80), 1), smoking = sample(c("current", "former", "never"), n, replace = TRUE),
  clinic = sample(1:24, n, replace = TRUE), copies = rpois(n, 1) + 1)
people$stratum <- (people$clinic - 1) %/% 6 + 1
people$wt <- round(runif(n, 50, 900), 1)
effect <- rnorm(24, 0, 0.8)
latent <- 0.035 * (people$age - 50) + 0.7 * (people$smoking == "current") + effect[people$clinic] + rlogis(n)
people$severity <- cut(latent, c(-Inf, -1, 0.4, 1.8, Inf), labels = c("none", "mild", "moderate", "severe"))
people$score <- pmin(pmax(round(14 + 5 * latent), 0), 48)
people$bmi <- ifelse(runif(n) < 0.1, NA, round(rnorm(n, 27, 4), 1))
people$bad <- as.integer(people$severity %in% c("moderate", "severe"))
model <- severity ~ age + smoking

table_of <- function(estimate, variance) list(estimate = unname(estimate), std_error = unname(sqrt(diag(variance))), term = names(estimate))
# coefficients first, then the cut-points, as the package has them
turned <- function(fit) c(names(fit$beta), names(fit$alpha))
of_clm <- function(fit, variance = vcov(fit)) {
  order <- turned(fit)
  c(table_of(coef(fit)[order], variance[order, order, drop = FALSE]), loglik = as.numeric(logLik(fit)))
}
fitted_clm <- function(formula, data = people, ...) do.call(clm, list(formula = formula, data = data, control = tight, ...))

plain <- fitted_clm(model)
copied <- fitted_clm(model, weights = people$copies)
# scores of each row and the sandwich
robust <- function(fit) { b <- vcov(fit); s <- sandwich::estfun(fit)[, rownames(b)]; b %*% crossprod(s) %*% b }
clustered <- function(fit, cluster) {
  b <- vcov(fit); s <- rowsum(sandwich::estfun(fit)[, rownames(b)], cluster); g <- nrow(s)
  g / (g - 1) * b %*% crossprod(s) %*% b
}
design <- svydesign(ids = ~clinic, strata = ~stratum, weights = ~wt, data = people, nest = TRUE)
people$scaled <- people$wt / mean(people$wt)
weighted <- suppressWarnings(fitted_clm(model, weights = people$scaled))
moved <- sandwich::estfun(weighted)[, rownames(vcov(weighted))] %*% vcov(weighted)
linearized <- vcov(svytotal(moved / people$wt, design))
dimnames(linearized) <- dimnames(vcov(weighted))
svy <- svyolr(model, design)

# Brant's test written out: logistic regressions of being above each cut-point
brant <- function(formula, data, columns) {
  y <- as.integer(model.response(model.frame(formula, data))); x <- model.matrix(formula, data); cuts <- max(y) - 1; p <- ncol(x)
  fits <- lapply(seq_len(cuts), function(j) glm.fit(x, as.integer(y > j), family = binomial(), control = glm.control(epsilon = 1e-14, maxit = 50)))
  prob <- sapply(fits, function(f) f$fitted.values)
  bread <- lapply(seq_len(cuts), function(j) solve(crossprod(x * sqrt(prob[, j] * (1 - prob[, j])))))
  V <- matrix(0, cuts * p, cuts * p)
  at <- function(j) (j - 1) * p + seq_len(p)
  for (j in seq_len(cuts)) for (l in j:cuts) {
    V[at(j), at(l)] <- bread[[j]] %*% crossprod(x, (prob[, l] - prob[, j] * prob[, l]) * x) %*% bread[[l]]
    V[at(l), at(j)] <- t(V[at(j), at(l)])
  }
  b <- unlist(lapply(fits, function(f) f$coefficients))
  stat <- function(which) {
    D <- do.call(rbind, lapply(2:cuts, function(j) { m <- matrix(0, length(which), cuts * p)
      for (i in seq_along(which)) { m[i, which[i]] <- -1; m[i, (j - 1) * p + which[i]] <- 1 }; m }))
    d <- D %*% b
    as.numeric(t(d) %*% solve(D %*% V %*% t(D)) %*% d)
  }
  sapply(c(columns, list(GLOBAL = sort(unlist(columns)))), stat)
}

# the average effect of a year of age and of smoking on each category, and the mean score, by numerical derivatives
split <- function(theta) list(b = theta[1:3], cut = theta[4:6])
probabilities <- function(theta, x) {
  p <- split(theta); eta <- as.vector(x %*% p$b)
  cum <- cbind(0, sapply(p$cut, function(a) plogis(a - eta)), 1)
  t(apply(cum, 1, diff))
}
x <- model.matrix(model, people)[, -1]
set <- function(name) { z <- x; z[, 2:3] <- 0; if (name != "current") z[, paste0("smoking", name)] <- 1; z }
theta <- coef(plain)[turned(plain)]; V <- vcov(plain)[turned(plain), turned(plain)]
delta <- function(f) { J <- jacobian(f, theta, method.args = list(r = 6)); list(estimate = as.vector(f(theta)), std_error = sqrt(diag(J %*% V %*% t(J)))) }
by_age <- function(th) { h <- 1e-3; up <- x; down <- x; up[, 1] <- up[, 1] + h; down[, 1] <- down[, 1] - h
  colMeans((probabilities(th, up) - probabilities(th, down)) / (2 * h)) }
by_smoking <- function(th) colMeans(probabilities(th, set("never")) - probabilities(th, set("current")))
by_ten <- function(th) { up <- x; up[, 1] <- up[, 1] + 10; rev(cumsum(rev(colMeans(probabilities(th, up) - probabilities(th, x)))))[-1] }
new <- people[1:4, c("age", "smoking")]
predicted <- predict(plain, newdata = new, type = "prob", se.fit = TRUE, interval = TRUE)

nominal <- fitted_clm(severity ~ smoking, nominal = ~age)
vgam <- suppressWarnings(VGAM::vglm(model, VGAM::cumulative(parallel = FALSE ~ age, reverse = FALSE), people, epsilon = 1e-12, maxit = 60))
by_term <- lapply(list(age = ~age, smoking = ~smoking), function(f) fitted_clm(if (all.vars(f) == "age") severity ~ smoking else severity ~ age, nominal = f))

judged <- people; judged$clinic <- factor(judged$clinic)
mixed <- function(link) {
  f <- clmm(severity ~ age + smoking + (1 | clinic), data = judged, nAGQ = 21, link = link, control = clmm.control(gradTol = 1e-9, maxIter = 300, maxLineIter = 100))
  order <- c(names(f$beta), names(f$alpha))
  v <- vcov(f)
  list(estimate = unname(coef(f)[order]), std_error = unname(sqrt(diag(v)[order])), sd = as.numeric(f$ST[[1]]), log_sd_error = sqrt(v[nrow(v), nrow(v)]),
    loglik = as.numeric(logLik(f)), modes = as.numeric(f$ranef), spread = sqrt(as.numeric(f$condVar)), groups = levels(judged$clinic))
}
binary <- lme4::glmer(bad ~ I(age / 10) + smoking + (1 | clinic), people, binomial, nAGQ = 21,
  control = lme4::glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12, optCtrl = list(maxfun = 1e5, rhoend = 1e-9)))

links <- c("logit", "probit", "cloglog", "loglog", "cauchit")
orm <- rms::orm(score ~ age + smoking, people, eps = 1e-12, maxit = 100)
cuts <- orm$coefficients[seq_len(orm$non.slopes)]
svy_order <- names(svy$coefficients)
expected <- list(
  people = people[setdiff(names(people), "scaled")],
  links = setNames(lapply(links, function(l) of_clm(fitted_clm(model, link = l))), links),
  copies = of_clm(copied),
  missing = of_clm(fitted_clm(severity ~ age + smoking + bmi)),
  robust = of_clm(plain, robust(plain)),
  cluster = of_clm(plain, clustered(plain, people$clinic)),
  cluster_copies = of_clm(copied, clustered(copied, people$clinic)),
  survey = of_clm(weighted, linearized),
  svyolr = list(estimate = unname(c(svy$coefficients, svy$zeta)), std_error = unname(sqrt(diag(svy$var)))),
  orm = list(slopes = unname(orm$coefficients[-seq_len(orm$non.slopes)]), intercepts = unname(cuts),
    std_error = unname(sqrt(diag(vcov(orm, intercepts = "all"))))),
  nominal = list(smoking = unname(nominal$beta), smoking_error = unname(sqrt(diag(vcov(nominal)))[names(nominal$beta)]),
    age = unname(nominal$alpha[grepl("age", names(nominal$alpha))]),
    age_error = unname(sqrt(diag(vcov(nominal)))[grepl("age", rownames(vcov(nominal)))]), loglik = as.numeric(logLik(nominal))),
  vgam_age = unname(VGAM::coef(vgam)[grepl("age", names(VGAM::coef(vgam)))]),
  brant = as.list(brant(model, people, list(age = 2, smoking = 3:4))),
  likelihood_ratio = lapply(by_term, function(f) 2 * as.numeric(logLik(f) - logLik(plain))),
  new = new,
  predicted = lapply(predicted, function(m) unname(as.matrix(m))),
  mean = delta(function(th) as.vector(probabilities(th, x[1:4, ]) %*% 1:4)),
  effect_age = delta(by_age), effect_never = delta(by_smoking), effect_ten_years = delta(by_ten),
  mixed = list(logit = mixed("logit"), probit = mixed("probit")),
  binary = list(estimate = unname(lme4::fixef(binary)), std_error = unname(sqrt(diag(as.matrix(vcov(binary))))), sd = unname(lme4::getME(binary, "theta")),
    loglik = as.numeric(logLik(binary)))
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns")
packages <- c("ordinal", "rms", "VGAM", "sandwich", "survey", "lme4", "numDeriv", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

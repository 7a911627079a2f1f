# Reference numbers for generalized linear models: lm, glm, MASS::glm.nb, sandwich, survey::svyglm, profile likelihood, Firth's penalty.
#   Rscript tests/reference/glm/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers. Firth's penalty is maximised here from its definition; where brglm2 is installed it has to agree.
suppressMessages({library(survey); library(MASS); library(sandwich); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
tight <- glm.control(epsilon = 1e-15, maxit = 100)

set.seed(1926)
n <- 360
people <- data.frame(age = round(runif(n, 20, 80), 1), smoking = sample(c("current", "former", "never"), n, replace = TRUE),
  clinic = sample(1:24, n, replace = TRUE), copies = rpois(n, 1) + 1, iw = round(rexp(n) + 0.2, 2), years = round(runif(n, 0.5, 8), 2))
people$stratum <- (people$clinic - 1) %/% 6 + 1
people$wt <- round(runif(n, 50, 900), 1)
people$domain <- people$age > 35
people$shift <- round(rnorm(n), 2)
effect <- rnorm(24, 0, 0.3)[people$clinic]
people$b12 <- round(420 - 1.5 * people$age - 40 * (people$smoking == "current") + 60 * effect + rnorm(n, 0, 40 + people$age / 2), 1)
people$ill <- rbinom(n, 1, plogis(-2.2 + 0.025 * people$age + 0.6 * (people$smoking == "current") + effect))
people$visits <- rnegbin(n, people$years * exp(-1.2 + 0.012 * people$age + 0.4 * (people$smoking == "current") + effect), 1.3)
people$falls <- rpois(n, people$years * exp(-2.4 + 0.02 * people$age + 0.3 * (people$smoking == "former")))
people$none <- ifelse(people$smoking == "former", 0, people$falls)
people$well <- ifelse(people$smoking == "former", 0, people$ill)
full <- svydesign(ids = ~clinic, strata = ~stratum, weights = ~wt, data = people, nest = TRUE)
copied <- people[rep(seq_len(n), people$copies), ]

rows <- function(estimate, variance, df = Inf) {
  se <- sqrt(diag(variance)); t <- estimate / se
  data.frame(term = names(estimate), estimate = unname(estimate), std_error = se, p_value = 2 * pt(-abs(t), df),
    conf_low = estimate + qt(0.025, df) * se, conf_high = estimate + qt(0.975, df) * se)
}
# kinds of variance of one fit; df as the package states it
kinds <- function(fit, df = Inf, clusters = people$clinic, cluster_df = df, types = paste0("HC", 0:3)) {
  c(list(model = rows(coef(fit), vcov(fit), df)),
    sapply(types, function(type) rows(coef(fit), vcovHC(fit, type = type), df), simplify = FALSE),
    list(cluster = rows(coef(fit), vcovCL(fit, clusters), cluster_df), cluster_HC0 = rows(coef(fit), vcovCL(fit, clusters, type = "HC0"), cluster_df),
      cluster_HC1 = rows(coef(fit), vcovCL(fit, clusters, type = "HC1"), cluster_df)))
}
facts <- function(fit) list(loglik = as.numeric(logLik(fit)), aic = AIC(fit), deviance = deviance(fit), null_deviance = fit$null.deviance, n = nobs(fit))
surveyed <- function(formula, design, family) {
  fit <- svyglm(formula, design = design, family = family, control = tight)
  list(rows = rows(coef(fit), vcov(fit), fit$df.residual), df = fit$df.residual)
}
# profile likelihood limits without interpolation: the other coefficients (and theta) maximised anew at every value
profile <- function(fit, refit, term, top = as.numeric(logLik(fit))) {
  b <- coef(fit)[[term]]; s <- sqrt(vcov(fit)[term, term])
  drop <- function(value) top - as.numeric(logLik(refit(value))) - qchisq(0.95, 1) / 2
  c(low = uniroot(drop, c(b - 4 * s, b), tol = 1e-10)$root, high = uniroot(drop, c(b, b + 4 * s), tol = 1e-10)$root,
    p_value = pchisq(2 * (drop(0) + qchisq(0.95, 1) / 2), 1, lower.tail = FALSE))
}

# Firth: maximum of l + log|I| / 2 by scoring with the adjusted score
firth <- function(x, y, kind, offset = rep(0, length(y)), fixed = NULL) {
  b <- rep(0, ncol(x)); free <- seq_along(b)
  # one coefficient held: begin on the tangent of the profile
  if (!is.null(fixed)) { b <- with(fixed, fit$b + (value - fit$b[j]) * fit$v[, j] / fit$v[j, j]); free <- setdiff(free, fixed$j) }
  at <- function(b) {
    eta <- drop(x %*% b) + offset
    mu <- if (kind == "logit") plogis(eta) else exp(eta)
    v <- if (kind == "logit") mu * (1 - mu) else mu
    information <- crossprod(x, v * x)
    l <- if (kind == "logit") sum(y * eta - log1p(exp(eta))) else sum(dpois(y, mu, log = TRUE))
    if (!is.finite(l) || rcond(information) < 1e-14) return(list(value = -Inf))
    h <- v * rowSums((x %*% solve(information)) * x)
    list(value = l + determinant(information)$modulus / 2, information = information,
      score = drop(crossprod(x, y - mu + h * (if (kind == "logit") 0.5 - mu else 0.5))))
  }
  now <- at(b)
  for (i in 1:500) {
    if (!length(free)) break
    step <- rep(0, length(b)); step[free] <- solve(now$information[free, free], now$score[free])
    repeat { new <- at(b + step); if (new$value >= now$value - 1e-11) break; step <- step / 2 }
    b <- b + step; now <- new
    if (max(abs(step)) < 1e-12) break
  }
  list(b = b, value = as.numeric(now$value), v = solve(now$information))
}
firth_rows <- function(formula, kind, family, offset = rep(0, n)) {
  x <- model.matrix(formula, people); y <- people[[all.vars(formula)[1]]]
  fit <- firth(x, y, kind, offset)
  if (requireNamespace("brglm2", quietly = TRUE)) {
    other <- do.call(glm, list(formula, family, people, offset = offset, method = brglm2::brglmFit, type = "AS_mean", epsilon = 1e-12, maxit = 1000))
    stopifnot(max(abs(coef(other) - fit$b)) < 1e-8, max(abs(vcov(other) - fit$v)) < 1e-8)
  }
  half <- qchisq(0.95, 1) / 2
  limits <- sapply(seq_along(fit$b), function(j) {
    drop <- function(value) fit$value - firth(x, y, kind, offset, list(j = j, value = value, fit = fit))$value - half
    s <- sqrt(fit$v[j, j])
    c(uniroot(drop, c(fit$b[j] - 3 * s, fit$b[j]), extendInt = "downX", tol = 1e-10)$root, uniroot(drop, c(fit$b[j], fit$b[j] + 3 * s), extendInt = "upX", tol = 1e-10)$root)
  })
  list(rows = rows(setNames(fit$b, colnames(x)), fit$v), loglik = fit$value, low = limits[1, ], high = limits[2, ])
}

linear <- lm(b12 ~ age + smoking, people)
linear_copies <- lm(b12 ~ age + smoking, copied)
linear_iw <- lm(b12 ~ age + smoking, people, weights = iw)
logit <- glm(ill ~ age + smoking + offset(shift), binomial, people, control = tight)
logit_copies <- glm(ill ~ age + smoking, binomial, copied, control = tight)
pois <- glm(falls ~ age + smoking + offset(log(years)), poisson, people, control = tight)
pois_offset <- glm(falls ~ age + smoking + offset(log(years)) + offset(shift), poisson, people, control = tight)
pois_copies <- glm(falls ~ age + smoking + offset(log(years)), poisson, copied, control = tight)
pois_iw <- suppressWarnings(glm(falls ~ age + smoking + offset(log(years)), poisson, people, weights = iw, control = tight))
nb <- glm.nb(visits ~ age + smoking + offset(log(years)), people, control = glm.control(epsilon = 1e-14, maxit = 200))
nb_null <- glm.nb(visits ~ 1 + offset(log(years)), people, control = glm.control(epsilon = 1e-14, maxit = 200))
modified <- glm(ill ~ age + smoking, poisson, people, control = tight)
log_binomial <- glm(ill ~ age + smoking, binomial("log"), people, start = c(-1, 0, 0, 0), control = tight)
identity_link <- glm(ill ~ age + smoking, binomial("identity"), people, start = c(0.4, 0, 0, 0), control = tight)
probability <- lm(ill ~ age + smoking, people)
# former smokers without events: what is left when they are taken out
pois_separated <- glm(none ~ age + smoking + offset(log(years)), poisson, subset(people, smoking != "former"), control = tight)
log_separated <- glm(well ~ age + smoking, binomial("log"), subset(people, smoking != "former"), start = c(-1, 0, 0), control = tight)
separated_limit <- local({
  top <- as.numeric(logLik(pois_separated))
  drop <- function(b) {
    people$fixed <- b * (people$smoking == "former")
    top - as.numeric(logLik(glm(none ~ age + I(smoking == "never") + offset(log(years) + fixed), poisson, people, control = tight))) - qchisq(0.95, 1) / 2
  }
  uniroot(drop, c(-8, 0), tol = 1e-10)$root
})
births <- transform(birthwt, race = factor(race, labels = c("white", "black", "other")))
births_risk <- glm(low ~ smoke + age + race, poisson, births, control = tight)
births_log <- glm(low ~ smoke, binomial("log"), births, start = c(-1, 0), control = tight)
doctors <- data.frame(deaths = c(32, 104, 206, 186, 102, 2, 12, 28, 28, 31), pyears = c(52407, 43248, 28612, 12663, 5317, 18790, 10673, 5710, 2585, 1462),
  agecat = factor(rep(c("35-44", "45-54", "55-64", "65-74", "75-84"), 2)), smokes = rep(1:0, each = 5))
doll <- glm(deaths ~ smokes + agecat + offset(log(pyears)), poisson, doctors, control = tight)

expected <- list(
  people = people, doctors = doctors,
  linear = c(kinds(linear, df.residual(linear), cluster_df = 23), facts(linear)[c("loglik", "aic", "n")],
    with(summary(linear), list(sigma = sigma, r_squared = r.squared, adjusted_r_squared = adj.r.squared))),
  linear_copies = c(kinds(linear_copies, df.residual(linear_copies), copied$clinic, 23), list(sigma = summary(linear_copies)$sigma), facts(linear_copies)[c("loglik", "aic")]),
  linear_iw = rows(coef(linear_iw), vcovHC(linear_iw, type = "HC1"), df.residual(linear_iw)),
  logit = c(kinds(logit), facts(logit)), logit_copies = kinds(logit_copies, clusters = copied$clinic),
  poisson = c(kinds(pois), facts(pois), list(dispersion = sum(residuals(pois, "pearson")^2) / df.residual(pois))),
  poisson_offset = c(kinds(pois_offset), facts(pois_offset)), poisson_copies = kinds(pois_copies, clusters = copied$clinic),
  poisson_iw = list(HC0 = rows(coef(pois_iw), vcovHC(pois_iw, type = "HC0")), HC3 = rows(coef(pois_iw), vcovHC(pois_iw, type = "HC3"))),
  negative_binomial = c(kinds(nb), facts(nb)[c("loglik", "aic", "deviance")], list(theta = nb$theta, theta_std_error = nb$SE.theta, loglik_null = as.numeric(logLik(nb_null)),
    age = profile(nb, function(v) glm.nb(visits ~ smoking + offset(log(years) + v * age), people, control = glm.control(epsilon = 1e-14, maxit = 200)), "age"))),
  modified = kinds(modified), log_binomial = c(kinds(log_binomial), facts(log_binomial)), identity = c(kinds(identity_link), facts(identity_link)),
  probability = kinds(probability),
  poisson_separated = list(rows = rows(coef(pois_separated), vcov(pois_separated)), upper = separated_limit, loglik = as.numeric(logLik(pois_separated))),
  log_separated = rows(coef(log_separated), vcov(log_separated)),
  profile_logit = list(age = profile(logit, function(v) glm(ill ~ smoking + offset(shift + v * age), binomial, people, control = tight), "age"),
    never = profile(logit, function(v) glm(ill ~ age + I(smoking == "former") + offset(shift + v * (smoking == "never")), binomial, people, control = tight), "smokingnever"),
    intercept = profile(logit, function(v) glm(ill ~ age + as.numeric(smoking == "former") + as.numeric(smoking == "never") - 1 + offset(shift + v),
      binomial, people, control = tight), "(Intercept)")),
  profile_poisson = list(age = profile(pois, function(v) glm(falls ~ smoking + offset(log(years) + v * age), poisson, people, control = tight), "age")),
  survey = list(
    linear = surveyed(b12 ~ age + smoking, full, gaussian()), linear_domain = surveyed(b12 ~ age + smoking, subset(full, domain), gaussian()),
    poisson = surveyed(falls ~ age + smoking + offset(log(years)), full, quasipoisson()),
    poisson_domain = surveyed(falls ~ age + smoking + offset(log(years)), subset(full, domain), quasipoisson()),
    modified = surveyed(ill ~ age + smoking, full, quasipoisson()),
    modified_weights_only = surveyed(ill ~ age + smoking, svydesign(ids = ~1, weights = ~wt, data = people), quasipoisson()),
    log_binomial = local({ fit <- svyglm(ill ~ age + smoking, design = full, family = quasibinomial("log"), start = c(-1, 0, 0, 0), control = tight)
      list(rows = rows(coef(fit), vcov(fit), fit$df.residual), df = fit$df.residual) })),
  firth_logit = firth_rows(ill ~ age + smoking, "logit", binomial()), firth_logit_separated = firth_rows(well ~ age + smoking, "logit", binomial()),
  firth_poisson = firth_rows(none ~ age + smoking, "log", poisson(), log(people$years)),
  births = list(modified = kinds(births_risk, clusters = seq_len(189))[c("HC0", "HC1")], log_binomial = rows(coef(births_log), vcov(births_log))),
  doctors_fit = c(list(rows = rows(coef(doll), vcov(doll))), facts(doll))
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null")
used <- c("survey", "MASS", "sandwich", "jsonlite")
writeLines(c(R.version.string, paste(used, sapply(used, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

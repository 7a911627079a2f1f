# Standardisation after glm and coxph: predictions on counterfactual data with numerical derivatives, and riskRegression::ate.
#   Rscript tests/reference/standardize/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(jsonlite); library(survival); library(riskRegression)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
set.seed(41); n <- 400
d <- data.frame(g = factor(sample(c("low", "mid", "high"), n, replace = TRUE), levels = c("low", "mid", "high")), z = round(rnorm(n), 2), m = rbinom(n, 1, 0.4), w = sample(1:3, n, replace = TRUE))
eta <- -1 + 0.5 * (d$g == "mid") + 0.9 * (d$g == "high") + 0.4 * d$z - 0.6 * d$m
d$y <- rbinom(n, 1, plogis(eta)); d$years <- round(runif(n, 0.5, 3), 2); d$k <- rpois(n, d$years * exp(eta)); d$s <- round(3 + eta + rnorm(n), 3)
tight <- list(epsilon = 1e-14, maxit = 60)
fits <- list(logistic = glm(y ~ g * m + z, binomial, d, control = tight), poisson = glm(k ~ g + z + m + offset(log(years)), poisson, d, control = tight), linear = glm(s ~ g + z * m, gaussian, d))
margin <- function(fit, weight = rep(1, n)) {
  b <- coef(fit); linkinv <- family(fit)$linkinv; w <- weight / sum(weight)
  rows <- c(list(d), lapply(levels(d$g), function(l) transform(d, g = factor(l, levels = levels(d$g)))))
  x <- lapply(rows, function(r) model.matrix(delete.response(terms(update(formula(fit), . ~ . - offset(log(years))))), r))
  mean_at <- function(b) sapply(x, function(m) sum(w * linkinv(m %*% b)))
  step <- 1e-6; slope <- sapply(seq_along(b), function(j) { e <- b * 0; e[j] <- step; (mean_at(b + e) - mean_at(b - e)) / (2 * step) })
  each <- sapply(x, function(m) linkinv(m %*% b)); centred <- sweep(each, 2, mean_at(b))
  list(value = mean_at(b), fixed = slope %*% vcov(fit) %*% t(slope), random = slope %*% vcov(fit) %*% t(slope) + t(centred * w) %*% (centred * w))
}
ate_of <- ate(fits$logistic, treatment = "g", data = d, se = TRUE, band = FALSE, verbose = FALSE)
risks <- as.data.frame(ate_of$meanRisk); gaps <- as.data.frame(ate_of$diffRisk)
write_json(list(data = d, margins = lapply(fits, margin), weighted = margin(fits$logistic, d$w), ate = list(risk = risks$estimate, se = risks$se, difference = gaps$estimate, gap_se = gaps$se)),
  file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, dataframe = "columns", matrix = "rowmajor")
packages <- c("survival", "riskRegression", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

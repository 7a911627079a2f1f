# Effects within subgroups: coxph, glm and svyglm with the exposure nested in the subgroup, Wald tests of the product, epiR for RERI.
#   Rscript tests/reference/subgroups/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(car); library(epiR); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
set.seed(4); n <- 500
d <- data.frame(low = rbinom(n, 1, 0.4), arm = sample(c("hi", "mid", "no"), n, replace = TRUE), g = sample(c("a", "b", "c"), n, replace = TRUE), sex = sample(c("f", "m"), n, replace = TRUE), age = round(rnorm(n, 55, 10), 1))
eta <- 0.4 * d$low + 0.5 * d$low * (d$sex == "m") + 0.3 * (d$sex == "m") + 0.02 * (d$age - 55)
d$t <- round(rexp(n) / exp(eta), 3) + 0.001; d$d <- as.integer(runif(n) < 0.75); d$y <- rbinom(n, 1, plogis(eta - 0.5))
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)
take <- function(f, k) list(b = unname(coef(f)[k]), se = unname(sqrt(diag(vcov(f)))[k]))
same <- function(f) { k <- grep(":", names(coef(f)), value = TRUE); h <- linearHypothesis(f, k, test = "Chisq"); list(chi2 = h$Chisq[2], df = h$Df[2], p = h[["Pr(>Chisq)"]][2]) }
cox_in <- function(level) coxph(Surv(t, d) ~ low + age + sex, d[d$g == level, ], control = tight)
parts <- lapply(c("a", "b", "c"), function(l) take(cox_in(l), 1))
b <- sapply(parts, `[[`, "b"); w <- 1 / sapply(parts, `[[`, "se")^2; q <- sum(w * (b - sum(w * b) / sum(w))^2)
nested <- coxph(Surv(t, d) ~ g + age + sex + g:low, d, control = tight); crossed <- coxph(Surv(t, d) ~ low * g + age + sex, d, control = tight)
bysex <- coxph(Surv(t, d) ~ low * sex + age, d, control = tight)
logit <- function(f) glm(f, binomial, d, control = list(epsilon = 1e-14, maxit = 60))
arm_nested <- logit(y ~ sex + age + sex:arm); arm_crossed <- logit(y ~ arm * sex + age)
epi <- function(f, k) lapply(epi.interaction(model = f, coef = k, param = "product", conf.level = 0.95), function(v) unname(unlist(v)))
expected <- list(data = d, overall = take(coxph(Surv(t, d) ~ low + age + sex, d, control = tight), 1), nested = take(nested, grep(":low", names(coef(nested)))), test = same(crossed),
  n = as.integer(table(d$g)), events = as.integer(tapply(d$d, d$g, sum)), separate = list(b = b, se = 1 / sqrt(w), q = q, p = pchisq(q, 2, lower.tail = FALSE)),
  sex_test = same(bysex), reri = epi(bysex, c(1, 2, 4)), arm = take(arm_nested, grep(":arm", names(coef(arm_nested)))), arm_names = grep(":arm", names(coef(arm_nested)), value = TRUE), arm_test = same(arm_crossed))
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, dataframe = "columns")
packages <- c("survival", "car", "epiR", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

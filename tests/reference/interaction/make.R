# Additive interaction beside epiR: the oral cancer table of Rothman and Keller (as in Hosmer and Lemeshow 1992) and a Cox model.
#   Rscript tests/reference/interaction/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(epiR); library(survival); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
cancer <- data.frame(can = c(rep(1, 231), rep(0, 178), rep(1, 11), rep(0, 38)), smk = c(rep(1, 225), rep(0, 6), rep(1, 166), rep(0, 12), rep(1, 8), rep(0, 3), rep(1, 18), rep(0, 20)), alc = c(rep(1, 409), rep(0, 49)))
fit <- glm(can ~ smk * alc, family = binomial, data = cancer, control = list(epsilon = 1e-14))
of <- function(f, co, scale) unname(unlist(epi.interaction(model = f, coef = co, param = "product", conf.level = 0.95)[[scale]]))
set.seed(7); n <- 300; d <- data.frame(x = rbinom(n, 1, 0.5), z = rbinom(n, 1, 0.4), age = round(rnorm(n), 2))
d$t <- round(rexp(n) / exp(0.7 * d$x + 0.4 * d$z + 0.5 * d$x * d$z + 0.3 * d$age), 3) + 0.001; d$d <- as.integer(runif(n) < 0.8)
cx <- coxph(Surv(t, d) ~ x * z + age, data = d, control = coxph.control(eps = 1e-13))
gather <- function(f, co) { e <- epi.interaction(model = f, coef = co, param = "product", conf.level = 0.95); lapply(e, function(v) unname(unlist(v))) }
expected <- list(cancer = cancer, glm = gather(fit, 2:4), cox_data = d, cox = gather(cx, c(1, 2, 4)))
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, dataframe = "columns")
packages <- c("epiR", "survival", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

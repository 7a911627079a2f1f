# Dose-response: coxph and glm per scale, anova of rms for splines, car::linearHypothesis, fractional polynomials by trying all powers.
#   Rscript tests/reference/dose_response/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(rms); library(survival); library(car); library(survey); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
set.seed(148); n <- 400
d <- data.frame(b12 = round(rgamma(n, 4, scale = 80) + 40), age = round(rnorm(n, 55, 10), 1), sex = sample(c("f", "m"), n, replace = TRUE), psu = rep(1:40, 10), w = round(runif(n, 0.5, 3), 2))
eta <- -0.7 * log2(d$b12 / 300) + 0.03 * (d$age - 55)
d$t <- round(rexp(n) / exp(eta), 3) + 0.001; d$d <- as.integer(runif(n) < 0.7)
d$y <- rbinom(n, 1, plogis(eta)); d$s <- round(2 + eta + rnorm(n), 3)
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50); close <- list(epsilon = 1e-14, maxit = 60)
q <- quantile(d$b12, 1:3 / 4)
d$q4 <- factor(findInterval(d$b12, q, left.open = TRUE) + 1)
d$cl <- factor(findInterval(d$b12, c(148, 221)), levels = c(2, 0, 1))
d$q4m <- ave(d$b12, d$q4, FUN = median); d$clm <- ave(d$b12, d$cl, FUN = median)
cx <- function(term) coxph(as.formula(paste("Surv(t, d) ~", term, "+ age + sex")), d, control = tight)
lg <- function(term) glm(as.formula(paste("y ~", term, "+ age + sex")), binomial, d, control = close)
ln <- function(term) lm(as.formula(paste("s ~", term, "+ age + sex")), d)
row <- function(f, k) list(b = unname(coef(f)[k]), se = unname(sqrt(diag(vcov(f)))[k]))
wald <- function(f, k) { h <- linearHypothesis(f, names(coef(f))[k], test = if (inherits(f, "lm") && !inherits(f, "glm")) "F" else "Chisq"); last <- h[2, ]; list(statistic = if ("F" %in% names(h)) last$F else last$Chisq, df = last$Df, p = last[[ncol(h)]]) }
scales <- function(make, shift) {
  f <- make("b12"); g <- make("log2(b12)"); a <- make("q4"); b <- make("cl"); at <- make("q4m"); bt <- make("clm")
  list(linear = row(f, 1 + shift), doubling = row(g, 1 + shift), quarters = row(a, 1:3 + shift), classes = row(b, 1:2 + shift),
    quarters_overall = wald(a, 1:3 + shift), classes_overall = wald(b, 1:2 + shift), quarters_trend = wald(at, 1 + shift), classes_trend = wald(bt, 1 + shift))
}
knots <- rcspline.eval(d$b12, nk = 4, knots.only = TRUE)
dd <- datadist(d); options(datadist = "dd")
spline <- function(f) { a <- anova(f); keep <- match(c("b12", " Nonlinear"), rownames(a)); lapply(1:2, function(i) as.list(setNames(a[keep[i], ], colnames(a)))) }
splines <- list(cox = spline(cph(Surv(t, d) ~ rcs(b12, 4) + age + sex, d, eps = 1e-13, x = TRUE, y = TRUE)), logistic = spline(lrm(y ~ rcs(b12, 4) + age + sex, d, eps = 1e-13)), linear = spline(ols(s ~ rcs(b12, 4) + age + sex, d)))
at <- c(100, 148, 300, 400, 600); basis <- function(v) rcspline.eval(v, knots = knots, inclx = TRUE)
d$S <- basis(d$b12); sp <- cx("S"); d$S <- NULL; gap <- sweep(basis(at), 2, basis(c(221, 300))[1, ]); se <- sqrt(diag(gap %*% vcov(sp)[1:3, 1:3] %*% t(gap)))
powers <- c(-2, -1, -0.5, 0, 0.5, 1, 2, 3)
x <- d$b12 / 100
part <- function(p) if (p == 0) log(x) else x^p
columns <- function(ps) if (length(ps) == 2 && ps[1] == ps[2]) cbind(part(ps[1]), part(ps[1]) * log(x)) else sapply(ps, part)
search <- function(make, deviance_of) {
  one <- as.list(powers); two <- list(); for (i in 1:8) for (j in i:8) two[[length(two) + 1]] <- powers[c(i, j)]
  try_all <- function(set) { v <- sapply(set, function(ps) { d$X <<- columns(ps); deviance_of(make("X")) }); list(powers = set[[which.min(v)]], deviance = min(v)) }
  list(null = deviance_of(make("1")), linear = { d$X <<- x; deviance_of(make("X")) }, fp1 = try_all(one), fp2 = try_all(two))
}
minus2 <- function(f) -2 * as.numeric(logLik(f))
fp <- list(cox = search(function(term) if (term == "1") coxph(Surv(t, d) ~ age + sex, d, control = tight) else cx(term), minus2), logistic = search(lg, minus2), linear = search(ln, minus2))
d$X <- NULL
design <- svydesign(ids = ~psu, weights = ~w, data = d, nest = TRUE)
sv <- svyglm(y ~ cl + age + sex, design, family = quasibinomial(), control = list(epsilon = 1e-14, maxit = 60))
r <- regTermTest(sv, ~cl)
expected <- list(data = d[c("b12", "age", "sex", "t", "d", "y", "s", "psu", "w")], q = unname(q), knots = knots, sd = sd(d$b12), iqr = IQR(d$b12), medians = as.numeric(tapply(d$b12, d$q4, median)),
  counts = list(n = as.integer(table(d$q4)), events = as.integer(tapply(d$d, d$q4, sum)), time = as.numeric(tapply(d$t, d$q4, sum))),
  cox = scales(cx, 0), logistic = scales(lg, 1), linear = scales(ln, 1), splines = splines, curve = list(at = at, value = drop(gap %*% coef(sp)[1:3]), se = se), fp = fp,
  survey = list(b = unname(coef(sv)[2:3]), se = unname(SE(sv)[2:3]), f = r$Ftest[1], df = r$df, ddf = r$ddf, p = r$p[1]))
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, dataframe = "columns")
packages <- c("rms", "survival", "car", "survey", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

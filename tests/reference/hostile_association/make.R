# Reference numbers for association models on inputs made by formula: lm, lme4::lmer, geepack::geeglm, metafor::rma.mh, and a
# cumulative model with Cauchy errors maximised here from its definition (ordinal::clm stops 3e-6 of the log-likelihood short of it).
#   Rscript tests/reference/hostile_association/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(lme4); library(geepack); library(metafor); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)

i <- 0:159
visits <- data.frame(person = sprintf("P%02d", i %/% 4), visit = i %% 4, b12 = (i %/% 4) %% 2, x = 1 + ((i * 7) %% 40) / 10)
visits$score <- round(10 + sin(3 * i) + visits$visit - visits$b12 + 2 * cos(i %/% 4), 6)
visits$class <- c("low", "middle", "high")[1 + (visits$score > 9) + (visits$score > 11.5)]
rows <- function(b, v) data.frame(term = names(b), estimate = unname(b), std_error = sqrt(diag(as.matrix(v))))

square <- lm(score ~ x + I(x^2) + I(x > 3), visits)
far <- summary(geeglm(score ~ x + b12, id = factor(person), data = transform(visits, score = score + 1000), corstr = "exchangeable",
  control = geese.control(epsilon = 1e-12, maxit = 200)))$geese
first <- subset(visits, visit == 0, c(person, score)); names(first)[2] <- "start"
later <- merge(subset(visits, visit > 0), first)
change <- lmer(score ~ start + factor(visit) + b12 + (1 | person), later, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12)))

y <- as.integer(factor(visits$class, levels = c("low", "middle", "high")))
minus <- function(p) {
  cut <- c(-Inf, p[3], p[3] + exp(p[4]), Inf); eta <- p[1] * visits$x + p[2] * visits$b12
  -sum(log(pcauchy(cut[y + 1] - eta) - pcauchy(cut[y] - eta)))
}
best <- optim(c(0, 0, -1, 0), minus, method = "BFGS", control = list(reltol = 1e-16, maxit = 1000))
cauchy <- list(estimate = c(best$par[1:3], best$par[3] + exp(best$par[4])), loglik = -best$value)

counts <- data.frame(x1 = c(3, 9, 14, 2), t1 = c(120.5, 400.25, 300, 80), x2 = c(5, 10, 3, 1), t2 = c(900, 800.5, 100, 70))
pooled <- rma.mh(x1i = x1, t1i = t1, x2i = x2, t2i = t2, data = counts, measure = "IRR")

expected <- list(visits = visits, square = rows(coef(square), vcov(square)), far = list(estimate = unname(far$mean$estimate), std_error = far$mean$san.se),
  change = rows(fixef(change), vcov(change)), cauchy = cauchy, counts = counts,
  pooled = list(estimate = exp(as.numeric(pooled$beta)), conf_low = exp(pooled$ci.lb), conf_high = exp(pooled$ci.ub), homogeneity = pooled$QE))
write_json(expected, file.path(results, "expected.json"), digits = NA, auto_unbox = TRUE, dataframe = "columns")
packages <- c("lme4", "geepack", "metafor", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

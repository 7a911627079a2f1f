# Reference numbers for agreement between raters: psych::ICC, vcd::Kappa, and limits of agreement written out.
#   Rscript tests/reference/agreement/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(psych); library(vcd); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
# Shrout and Fleiss 1979, table 2: six subjects, four judges
judges <- data.frame(a = c(9, 6, 8, 7, 10, 6), b = c(2, 1, 4, 1, 5, 2), c = c(5, 3, 6, 2, 6, 4), d = c(8, 2, 8, 6, 9, 7))
set.seed(1979)
truth <- rnorm(40, 20, 5)
scores <- as.data.frame(sapply(1:3, function(j) round(truth + (j - 2) + rnorm(40, 0, 3), 1)))
names(scores) <- c("x", "y", "z")
level <- function(v) pmin(pmax(round((v - 10) / 5), 0), 4)
pairs <- data.frame(first = level(truth + rnorm(40, 0, 3)), second = level(truth + 1 + rnorm(40, 0, 3)))
icc <- function(d) { r <- ICC(as.matrix(d), lmer = FALSE)$results; list(estimate = r$ICC, low = r[["lower bound"]], high = r[["upper bound"]], f = r$F, p = r$p) }
kappa_of <- function(weights) {
  k <- Kappa(table(factor(pairs$first, 0:4), factor(pairs$second, 0:4)), weights = weights)
  list(kappa = unname(k$Unweighted["value"]), kappa_error = unname(k$Unweighted["ASE"]), weighted = unname(k$Weighted["value"]), weighted_error = unname(k$Weighted["ASE"]))
}
d <- scores$x - scores$y; m <- (scores$x + scores$y) / 2; n <- length(d); z <- qnorm(0.975)
bland <- list(estimate = c(mean(d), mean(d) - z * sd(d), mean(d) + z * sd(d)),
  std_error = c(sd(d) / sqrt(n), rep(sd(d) * sqrt(1 / n + z^2 / (2 * (n - 1))), 2)), bias_interval = as.numeric(t.test(d)$conf.int), p = t.test(d)$p.value,
  slope = unname(summary(lm(d ~ m))$coefficients[2, ]))
expected <- list(judges = judges, scores = scores, pairs = pairs, icc_judges = icc(judges), icc_scores = icc(scores),
  linear = kappa_of("Equal-Spacing"), quadratic = kappa_of("Fleiss-Cohen"), bland = bland)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, dataframe = "columns")
packages <- c("psych", "vcd", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

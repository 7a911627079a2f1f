# Reference numbers for shares and tests of counts: R's stats.
#   Rscript tests/reference/proportions/make.R [FOLDER FOR THE RESULTS]
suppressMessages(library(jsonlite))
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)

one <- function(x, n) list(events = x, n = n, wilson = c(suppressWarnings(prop.test(x, n, correct = FALSE))$conf.int),
  exact = c(binom.test(x, n)$conf.int), exact90 = c(binom.test(x, n, conf.level = 0.9)$conf.int))
shares <- Map(one, c(0, 1, 6, 20, 64, 30, 5680), c(12, 40, 85, 30, 86, 30, 368248))

# Newcombe's method 10 from two of R's own Wilson intervals
newcombe <- function(a, m, b, n) {
  w <- function(x, n) c(suppressWarnings(prop.test(x, n, correct = FALSE))$conf.int)
  p <- c(a / m, b / n); first <- w(a, m); second <- w(b, n); d <- p[1] - p[2]
  list(cells = c(a, m, b, n), limits = c(d - sqrt((p[1] - first[1])^2 + (second[2] - p[2])^2), d + sqrt((first[2] - p[1])^2 + (p[2] - second[1])^2)),
    wald = c(suppressWarnings(prop.test(c(a, b), c(m, n), correct = FALSE))$conf.int))
}
differences <- Map(newcombe, c(56, 9, 5, 34, 0), c(70, 10, 56, 187, 10), c(48, 3, 0, 13, 0), c(80, 10, 29, 187, 20))

tables <- list(matrix(c(23, 9, 213, 217), 2, byrow = TRUE), matrix(c(61, 142, 17, 215), 2, byrow = TRUE), matrix(c(3, 1, 1, 3), 2, byrow = TRUE),
  matrix(c(10, 10, 10, 11), 2, byrow = TRUE), matrix(c(12, 5, 7, 9, 14, 3), 2, byrow = TRUE), matrix(c(4, 8, 15, 16, 23, 42, 9, 9, 1), 3, byrow = TRUE))
test <- function(m) {
  of <- function(correct) { t <- suppressWarnings(chisq.test(m, correct = correct)); c(unname(t$statistic), unname(t$parameter), t$p.value) }
  list(table = m, plain = of(FALSE), yates = of(TRUE))
}

pair <- function(b, c) {
  m <- matrix(c(50, c, b, 50), 2); e <- binom.test(b, b + c); odds <- function(p) p / (1 - p)
  list(b = b, c = c, exact = e$p.value, limits = odds(c(e$conf.int)), asymptotic = unname(mcnemar.test(m, correct = FALSE)$p.value),
    corrected = unname(mcnemar.test(m)$p.value), midp = if (b == c) 1 - dbinom(b, b + c, 0.5) else 2 * pbinom(min(b, c), b + c, 0.5) - dbinom(b, b + c, 0.5))
}
pairs <- Map(pair, c(6, 5, 8, 3, 7, 25, 1), c(0, 0, 0, 9, 7, 11, 4))

expected <- list(shares = shares, differences = differences, tables = lapply(tables, test), pairs = pairs)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", matrix = "rowmajor")
writeLines(R.version.string, file.path(results, "session.txt"))

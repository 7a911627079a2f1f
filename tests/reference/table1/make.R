# Reference numbers for Table 1: base R and the survey package on made-up people; standardized differences written out.
#   Rscript tests/reference/table1/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survey); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)

set.seed(148)
n <- 90
people <- data.frame(arm = sample(c("high", "low", "middle"), n, replace = TRUE), age = round(rnorm(n, 55, 12), 1),
  smoking = sample(c("current", "former", "never"), n, replace = TRUE, prob = c(0.2, 0.3, 0.5)), ill = rbinom(n, 1, 0.3),
  weight = round(runif(n, 0.2, 3), 2), copies = rpois(n, 1) + 1)
people$age[c(3, 40, 77)] <- NA

numbers <- function(x) { x <- x[!is.na(x)]; c(mean = mean(x), sd = sd(x), setNames(quantile(x, c(0.5, 0.25, 0.75)), c("median", "q1", "q3"))) }
by_arm <- function(data) lapply(c(list(Overall = data), split(data, data$arm)), function(d) as.list(numbers(d$age)))
weighted <- function(d) {
  d <- d[!is.na(d$age), ]
  design <- svydesign(ids = ~1, weights = ~weight, data = d)
  list(mean = as.numeric(svymean(~age, design)), sd = sqrt(as.numeric(svyvar(~age, design))), never = 100 * as.numeric(svymean(~smoking, design))[3])
}
repeated <- people[rep(seq_len(n), people$copies), ]

# largest pairwise difference in pooled standard deviations, Austin 2009; Mahalanobis form, Yang and Dalton 2012
pairs_of <- function(f) max(apply(combn(sort(unique(people$arm)), 2), 2, function(p) f(people[people$arm == p[1], ], people[people$arm == p[2], ])))
of_means <- function(a, b) abs(mean(a$age, na.rm = TRUE) - mean(b$age, na.rm = TRUE)) / sqrt((var(a$age, na.rm = TRUE) + var(b$age, na.rm = TRUE)) / 2)
of_shares <- function(variable) function(a, b) {
  levels <- sort(unique(people[[variable]]))
  p <- prop.table(table(factor(a[[variable]], levels)))[-1]; q <- prop.table(table(factor(b[[variable]], levels)))[-1]
  s <- (diag(p, length(p)) - outer(p, p) + diag(q, length(q)) - outer(q, q)) / 2
  sqrt(drop(t(p - q) %*% solve(s) %*% (p - q)))
}
expected <- list(people = people, age = by_arm(people), repeated = by_arm(repeated), weighted = weighted(people),
  smd = list(age = pairs_of(of_means), smoking = pairs_of(of_shares("smoking")), ill = pairs_of(of_shares("ill"))))
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null")
writeLines(c(R.version.string, paste(c("survey", "jsonlite"), sapply(c("survey", "jsonlite"), function(p) as.character(packageVersion(p))))),
  file.path(results, "session.txt"))

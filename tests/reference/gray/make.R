# Reference numbers for Gray's test: R's cmprsk on made-up people and on MASS::Melanoma.
#   Rscript tests/reference/gray/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(cmprsk); library(MASS); library(jsonlite)})
options(digits = 15)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]

# whole months, so that events tie; group d ends early
set.seed(20240912)
n <- 170
people <- data.frame(exit = sample(1:40, n, replace = TRUE), event = sample(0:2, n, replace = TRUE, prob = c(0.35, 0.4, 0.25)),
  pair = sample(c("x", "y"), n, replace = TRUE), group = sample(c("a", "b", "c", "d"), n, replace = TRUE), stratum = sample(1:3, n, replace = TRUE))
people$exit[people$group == "d"] <- pmin(people$exit[people$group == "d"], 12)
people$event[people$pair == "x" & people$exit > 25] <- 0

tests <- function(...) unname(cuminc(people$exit, people$event, ...)$Tests)
melanoma <- transform(Melanoma, cause = c(1, 0, 2)[status])
expected <- list(
  people = people,
  pair = tests(people$pair),
  group = tests(people$group),
  pair_rho_1 = tests(people$pair, rho = 1),
  group_rho_half = tests(people$group, rho = 0.5),
  pair_strata = tests(people$pair, people$stratum),
  group_strata_rho_2 = tests(people$group, people$stratum, rho = 2),
  melanoma = unname(cuminc(melanoma$time, melanoma$cause, melanoma$ulcer)$Tests)
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
packages <- c("cmprsk", "MASS", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

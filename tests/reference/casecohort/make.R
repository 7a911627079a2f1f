# Reference numbers for case-cohort studies: R's cch on a made-up cohort and (numbers only) on its nwtco.
#   Rscript tests/reference/casecohort/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
keep <- function(expected, packages) {
  write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
  writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))
}

set.seed(20240616)
n <- 700
cohort <- data.frame(id = seq_len(n), entry = sample(0:10, n, replace = TRUE), x = round(rnorm(n), 2), z = rbinom(n, 1, 0.4), area = sample(c("east", "north", "west"), n, replace = TRUE, prob = c(0.5, 0.3, 0.2)))
wait <- rexp(n, 0.012 * exp(0.5 * cohort$x + 0.7 * cohort$z)); cohort$exit <- cohort$entry + ceiling(pmin(wait, runif(n, 5, 25))); cohort$event <- as.integer(wait <= cohort$exit - cohort$entry)
cohort$sub <- as.integer(runif(n) < c(east = 0.15, north = 0.25, west = 0.35)[cohort$area])
sample_ <- cohort[cohort$sub == 1 | cohort$event == 1, ]
size <- table(cohort$area)
fit_of <- function(formula, method, data = sample_, ...) { f <- cch(formula, data, subcoh = ~sub, id = ~id, method = method, ...); list(coef = unname(coef(f)), se = unname(sqrt(diag(f$var)))) }
all_of <- function(formula) list(prentice = fit_of(formula, "Prentice", cohort.size = n), `self-prentice` = fit_of(formula, "SelfPrentice", cohort.size = n), `lin-ying` = fit_of(formula, "LinYing", cohort.size = n),
  robust = fit_of(formula, "LinYing", cohort.size = n, robust = TRUE), borgan1 = fit_of(formula, "I.Borgan", stratum = ~area, cohort.size = size), borgan2 = fit_of(formula, "II.Borgan", stratum = ~area, cohort.size = size))

kids <- nwtco; kids$sub <- kids$in.subcohort; kids <- kids[kids$rel == 1 | kids$sub == 1, ]; kids$id <- kids$seqno; kids$unfavourable <- kids$histol - 1; kids$years <- kids$age / 12
wilms <- Surv(edrel, rel) ~ factor(stage) + unfavourable + years
keep(list(cohort = cohort, right = all_of(Surv(exit, event) ~ x + z), late = all_of(Surv(entry, exit, event) ~ x + z),
  nwtco = list(prentice = fit_of(wilms, "Prentice", kids, cohort.size = 4028), `self-prentice` = fit_of(wilms, "SelfPrentice", kids, cohort.size = 4028), `lin-ying` = fit_of(wilms, "LinYing", kids, cohort.size = 4028),
    borgan1 = fit_of(wilms, "I.Borgan", kids, stratum = ~instit, cohort.size = table(nwtco$instit)), borgan2 = fit_of(wilms, "II.Borgan", kids, stratum = ~instit, cohort.size = table(nwtco$instit)))), c("survival", "jsonlite"))

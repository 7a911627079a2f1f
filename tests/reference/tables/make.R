# Reference numbers for tables of counts and person-time: R's stats, epitools, epiR, metafor, survival and popEpi.
#   Rscript tests/reference/tables/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(epitools); library(metafor); library(epiR); library(survival); library(popEpi); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)
keep <- function(expected, packages) {
  write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns", matrix = "rowmajor")
  writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))
}

# one table: a, b = exposed with and without; c, d = unexposed
tables <- list(c(13, 2163, 5, 3349), c(3, 1, 1, 3), c(39, 89, 39, 268), c(0, 20, 7, 15), c(12, 0, 5, 9), c(2, 31, 136, 15532), c(60, 40, 30, 70))
# fisher.test and oddsratio.midp stop their root finding early (0.7 percent off at 626); the same equations from dhyper, solved to the last digit
tight <- function(cells, midp) {
  k <- cells[1]; support <- max(0, cells[1] - cells[4]):min(cells[1] + cells[2], cells[1] + cells[3])
  p <- function(log_odds) { v <- dhyper(support, cells[1] + cells[2], cells[3] + cells[4], cells[1] + cells[3], log = TRUE) + log_odds * support; v <- exp(v - max(v)); v / sum(v) }
  half <- if (midp) 0.5 else 0
  root <- function(f) exp(uniroot(f, c(-30, 30), tol = 1e-13)$root)
  c(if (k == min(support)) 0 else root(function(l) sum(p(l)[support >= k]) - half * p(l)[support == k] - 0.025),
    if (k == max(support)) NA else root(function(l) 0.025 - sum(p(l)[support <= k]) + half * p(l)[support == k]))
}
one <- function(cells) {
  m <- matrix(cells, 2, byrow = TRUE); f <- fisher.test(m)
  out <- list(cells = cells, fisher = c(unname(f$estimate), f$p.value), exact = tight(cells, FALSE), midp = tight(cells, TRUE))
  if (all(cells > 0)) {
    e <- epi.2by2(m, method = "cohort.count")$massoc.detail
    out$woolf <- unname(unlist(e$OR.strata.wald)); out$katz <- unname(unlist(e$RR.strata.wald)); out$difference <- unname(unlist(e$ARisk.strata.wald)) / 100
  }
  out
}

# strata: birth cohorts of UCBAdmissions and made-up ones with small cells
set.seed(20261122)
strata <- list(ucb = cbind(a = UCBAdmissions[1, 1, ], b = UCBAdmissions[2, 1, ], c = UCBAdmissions[1, 2, ], d = UCBAdmissions[2, 2, ]),
  sparse = cbind(a = rpois(12, 3) + 1, b = rpois(12, 8) + 1, c = rpois(12, 2) + 1, d = rpois(12, 12) + 1))
array_of <- function(s) array(t(s), c(2, 2, nrow(s)))
pooled <- function(s) {
  a <- s[, "a"]; b <- s[, "b"]; c <- s[, "c"]; d <- s[, "d"]
  of <- function(measure) { r <- suppressWarnings(rma.mh(measure = measure, ai = a, bi = b, ci = c, di = d, to = "none", drop00 = FALSE, correct = FALSE))
    list(estimate = as.numeric(r$beta), se = r$se, chi2 = r$MH, bd = r$BD, tarone = r$TA, tarone_p = r$TAp) }
  test <- function(correct) { m <- mantelhaen.test(array_of(s), correct = correct); c(unname(m$estimate), m$conf.int, unname(m$statistic), m$p.value) }
  list(OR = of("OR"), RR = of("RR"), RD = of("RD"), corrected = test(TRUE), plain = test(FALSE))
}
times <- cbind(x1 = rpois(9, 12) + 1, t1 = round(runif(9, 800, 3000), 1), x2 = rpois(9, 6) + 1, t2 = round(runif(9, 800, 3000), 1))
irr <- rma.mh(measure = "IRR", x1i = times[, "x1"], t1i = times[, "t1"], x2i = times[, "x2"], t2i = times[, "t2"], to = "none", correct = FALSE)

# rates
observed <- c(0, 1, 5, 10, 182, 4559); expected <- c(2.5, 0.4, 6.2, 3.3, 5.42, 1482.13)
ratio <- function(a, s, b, t) list(given = c(a, s, b, t), exact = c(poisson.test(c(a, b), c(s, t))$conf.int), midp = unname(rateratio.midp(c(b, a, t, s))$measure[2, 2:3]),
  wald = unname(rateratio.wald(c(b, a, t, s))$measure[2, ]))
bands <- data.frame(age = c("a", "b", "c", "d"), d = c(3, 9, 40, 77), t = c(12000.5, 9000.25, 7000, 2500.75), w = c(30, 30, 25, 15))
direct <- ageadjust.direct(bands$d, bands$t, stdpop = bands$w)

# person-time split by age, then by calendar time; people entered between 1990 and 2000
n <- 60; people <- data.frame(id = 1:n, birth = round(1930 + 40 * runif(n), 2), entry = round(1990 + 10 * runif(n), 2)); people$exit <- round(people$entry + 0.05 + 20 * runif(n), 2)
people$event <- as.integer(runif(n) < 0.4)
people$entry[1] <- people$birth[1] + 50; people$exit[2] <- people$birth[2] + 60; people$exit <- pmax(people$exit, people$entry + 1)
ages <- c(20, 30, 40, 50, 60, 70); years <- c(1995, 2000, 2005)
lexis <- Epi::Lexis(entry = list(per = entry, age = entry - birth), exit = list(per = exit), entry.status = 0, exit.status = event, data = people, notes = FALSE)
split <- splitMulti(lexis, breaks = list(age = c(-Inf, ages, Inf), per = c(-Inf, years, Inf)), drop = FALSE)
split <- as.data.frame(split); split$ageband <- findInterval(split$age + 1e-9, ages); split$perband <- findInterval(split$per + 1e-9, years)
cells <- aggregate(cbind(time = lex.dur, events = as.integer(lex.Xst)) ~ ageband + perband, split, sum)
by_age <- survSplit(Surv(entry - birth, exit - birth, event) ~ ., transform(people), cut = ages, start = "a0", end = "a1", event = "event")

keep(list(
  one = lapply(tables, one), strata = lapply(strata, as.data.frame), pooled = lapply(strata, pooled),
  times = as.data.frame(times), irr = list(estimate = as.numeric(irr$beta), se = irr$se, chi2 = irr$MH),
  poisson = list(observed = observed, expected = expected, exact = t(sapply(observed, function(x) poisson.test(x)$conf.int)),
    p = sapply(seq_along(observed), function(i) min(1, 2 * min(ppois(observed[i], expected[i]), ppois(observed[i] - 1, expected[i], lower.tail = FALSE))))),
  ratios = list(ratio(41, 28010, 15, 19017), ratio(3, 120.5, 9, 700.25), ratio(100, 1000, 90, 1500)),
  bands = bands, direct = unname(direct), people = people, split = cells, n_split = nrow(split), n_age = nrow(by_age), age_time = sum(by_age$a1 - by_age$a0)),
  c("epitools", "metafor", "epiR", "survival", "popEpi", "Epi", "jsonlite"))

# Reference numbers for Fine-Gray regression and absolute risk: R's cmprsk and survival on made-up people and on MASS::Melanoma.
#   Rscript tests/reference/finegray/make.R [FOLDER FOR THE RESULTS]
# The made-up people are written with the numbers; of Melanoma only numbers are written.
suppressMessages({library(survival); library(cmprsk); library(MASS); library(jsonlite)})
options(digits = 15)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)

# whole months, so that events, competing events, censorings and entries tie
set.seed(20240913)
n <- 200
entry <- c(rep(0, 60), sample(0:10, n - 60, replace = TRUE))
people <- data.frame(id = seq_len(n), entry, exit = entry + sample(1:30, n, replace = TRUE), x = round(rnorm(n), 3), z = rbinom(n, 1, 0.4),
  group = sample(c("a", "b", "c"), n, replace = TRUE), event = sample(0:2, n, replace = TRUE, prob = c(0.35, 0.4, 0.25)))
# the same people with times that never tie
people$exit_untied <- round(people$exit + runif(n) / 2, 6)
people$entry_untied <- ifelse(people$entry > 0, round(people$entry + runif(n) / 2, 6), 0)

# crr stops at a gradient of 1e-6; the coefficients shall have ten digits
one_crr <- function(time, cause, x, code = 1) {
  f <- crr(time, cause, x, failcode = code, gtol = 1e-13, maxiter = 40)
  list(coef = unname(f$coef), var = unname(f$var), naive = unname(f$invinf), loglik = f$loglik, loglik_null = f$loglik.null)
}
expanded <- function(response, data, ties, etype = "1") {
  data$state <- factor(data$event, 0:2)
  g <- finegray(as.formula(paste(response, "~ x + z + group")), data = data, id = data$id, etype = etype)
  f <- coxph(Surv(fgstart, fgstop, fgstatus) ~ x + z + group, g, weights = fgwt, ties = ties, control = exact)
  list(coef = unname(coef(f)), naive = unname(as.matrix(if (is.null(f$naive.var)) f$var else f$naive.var)), loglik = f$loglik[2], rows = nrow(g))
}
both <- function(response, data = people) lapply(c(breslow = "breslow", efron = "efron"), function(t) expanded(response, data, t))
design <- model.matrix(~ x + z + group, people)[, -1]
melanoma <- transform(Melanoma, cause = c(1, 0, 2)[status], log_thickness = log(thickness))
m <- as.matrix(melanoma[c("sex", "age", "log_thickness", "ulcer")])
cause_specific <- coxph(Surv(time, cause == 1) ~ sex + age + log_thickness + ulcer, melanoma, control = exact)

# risks predicted from cause-specific models: multi-state coxph and survfit
people$state <- factor(people$event, 0:2)
new <- data.frame(x = c(-0.5, 1), z = c(0, 1))
risks <- function(formula, ties) {
  f <- coxph(formula, people, id = id, ties = ties, control = exact)
  s <- survfit(f, newdata = new)
  rows <- findInterval(c(5, 12, 25), s$time)
  lapply(seq_len(nrow(new)), function(i) unname(s$pstate[rows, i, match(c("1", "2"), s$states)]))
}
# multi-state coxph has Breslow's hazards only: with Efron's, survfit of each cause and the same sum of products
composed <- function(first, second) {
  lapply(seq_len(nrow(new)), function(i) {
    s <- lapply(list(first, second), function(formula) survfit(coxph(formula, people, control = exact), newdata = new[i, ]))
    h <- sapply(s, function(one) diff(c(0, one$cumhaz)))
    total <- rowSums(h)
    before <- exp(-c(0, head(cumsum(total), -1)))
    risk <- apply(before * ifelse(total > 0, -expm1(-total) / total, 0) * h, 2, cumsum)
    unname(risk[findInterval(c(5, 12, 25), s[[1]]$time), ])
  })
}
crr_risk <- function() {
  f <- crr(people$exit, people$event, as.matrix(people[c("x", "z")]), gtol = 1e-13, maxiter = 40)
  p <- predict(f, as.matrix(new))
  unname(rbind(0, p)[findInterval(c(5, 12, 25), p[, 1]) + 1, -1])
}

expected <- list(
  people = people[names(people) != "state"],
  crr = one_crr(people$exit, people$event, design),
  crr_cause_2 = one_crr(people$exit, people$event, design, 2),
  crr_untied = one_crr(people$exit_untied, people$event, design),
  finegray = both("Surv(exit, state)"),
  finegray_delayed = both("Surv(entry, exit, state)"),
  finegray_delayed_untied = both("Surv(entry_untied, exit_untied, state)"),
  melanoma = one_crr(melanoma$time, melanoma$cause, m),
  melanoma_2 = one_crr(melanoma$time, melanoma$cause, m, 2),
  melanoma_cause_specific = list(coef = unname(coef(cause_specific)), se = unname(sqrt(diag(cause_specific$var))), loglik = cause_specific$loglik[2]),
  risk_times = c(5, 12, 25),
  risk = list(breslow = risks(Surv(exit, state) ~ x + z, "breslow"), delayed_breslow = risks(Surv(entry, exit, state) ~ x + z, "breslow"),
    efron = composed(Surv(exit, event == 1) ~ x + z, Surv(exit, event == 2) ~ x + z),
    delayed_efron = composed(Surv(entry, exit, event == 1) ~ x + z, Surv(entry, exit, event == 2) ~ x + z)),
  crr_risk = crr_risk()
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
packages <- c("survival", "cmprsk", "MASS", "jsonlite")
writeLines(c(R.version.string, paste(packages, sapply(packages, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

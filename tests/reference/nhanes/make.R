# Reference numbers for the NHANES study: R's survival and survey packages on the table that derive.py writes.
#   Rscript tests/reference/nhanes/make.R [TABLE.csv] [FOLDER FOR THE RESULTS]
# Without TABLE.csv the table is derived from ../shared/data/nhanes beside the project; where that is absent nothing is done.
# The data are not part of the project (public domain, see analyses/nhanes_b12/README.md); numbers computed from them are.
suppressMessages({library(survival); library(survey); library(jsonlite)})
options(survey.lonely.psu = "fail", digits = 15)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) < 1) {
  project <- file.path(here, "..", "..", "..")
  raw <- file.path(project, "..", "shared", "data", "nhanes", "nhanes_b12_raw_codes_all_ages.parquet")
  if (!file.exists(raw)) { message("no NHANES data here: the stored numbers stay as they are"); quit(status = 0) }
  python <- file.path(project, ".venv", "bin", "python")
  arguments <- tempfile(fileext = ".csv")
  # R puts its own library folder into LD_LIBRARY_PATH, where Python may load the wrong libraries from
  command <- if (file.exists(python)) python else "python3"
  stopifnot(system2(command, c(file.path(here, "derive.py"), raw, arguments), env = "LD_LIBRARY_PATH=") == 0)
}
results <- if (length(arguments) < 2) here else arguments[2]
everyone <- read.csv(arguments[1], stringsAsFactors = FALSE, na.strings = "")

everyone$male <- as.integer(everyone$sex == "male")
everyone$log2_b12 <- log2(everyone$b12_pmol_l_roche_equiv)
everyone$smoking <- factor(everyone$smoking, levels = c("never", "former", "current"))
everyone$b12_group <- cut(everyone$b12_pmol_l_roche_equiv, c(-Inf, 148, 221, Inf), labels = c("low", "marginal", "normal"), right = FALSE)
everyone$b12_group <- relevel(everyone$b12_group, "normal")
everyone$low_b12 <- as.integer(everyone$b12_pmol_l_roche_equiv < 148)
everyone$low_b12_released <- as.integer(everyone$b12_pmol_l < 148)
everyone$age_entry_lag2 <- everyone$age_entry_years + 2
everyone$age10 <- everyone$age_years / 10

# the full design (all examined persons) and, within it, the domain analysed
design <- svydesign(id = ~psu, strata = ~stratum, weights = ~wt_mec_6cycles, nest = TRUE, data = everyone[everyone$examined == 1, ])
domain <- subset(design, in_cohort == 1)
cohort <- everyone[everyone$in_cohort == 1, ]
adults <- subset(design, age_years >= 20 & !is.na(b12_pmol_l))
# the same people taken as if they were the whole sample
only <- svydesign(id = ~psu, strata = ~stratum, weights = ~wt_mec_6cycles, nest = TRUE, data = cohort)

table_of <- function(fit, n, events) {
  estimate <- coef(fit)
  list(term = names(estimate), estimate = unname(estimate), std_error = unname(sqrt(diag(vcov(fit)))), n = n, events = events)
}
cox <- function(formula) table_of(fit <- coxph(formula, cohort), fit$n, fit$nevent)
weighted_cox <- function(formula, design) table_of(fit <- svycoxph(formula, design), fit$n, fit$nevent)
# glm takes the standard errors from the weights of the step before the last; at its default tolerance they are wrong in the fourth digit
converged <- glm.control(epsilon = 1e-14, maxit = 50)
logistic <- function(formula, data) table_of(fit <- glm(formula, binomial, data, control = converged), nobs(fit), sum(fit$y))
weighted_logistic <- function(formula, design) {
  fit <- svyglm(formula, design, family = quasibinomial(), control = converged)
  table_of(fit, nobs(fit), sum(fit$y))
}

mortality <- Surv(age_entry_years, age_exit_years, died) ~ log2_b12 + male + smoking
groups <- Surv(age_entry_years, age_exit_years, died) ~ b12_group + male + smoking
determinants <- low_b12 ~ rx_metformin + rx_ppi + age10 + male
# follow-up of the first two years left out: people enter two years later, and those gone by then do not enter
late <- subset(design, in_cohort == 1 & age_exit_years > age_entry_lag2)
lagged <- Surv(age_entry_lag2, age_exit_years, died) ~ log2_b12 + male + smoking
longer <- low_b12 ~ rx_metformin + rx_ppi + rx_h2ra + supplement_b12_any + diabetes_diagnosed + age10 + male + race_ethnicity
steps <- with(everyone, list(examined == 1, age_years >= 20, !is.na(b12_pmol_l), mort_eligible == 1, !is.na(smoking), age_exit_years > age_entry_years))
left <- Reduce(`&`, lapply(steps, function(x) x & !is.na(x)), accumulate = TRUE)

cycle4 <- subset(svydesign(id = ~psu, strata = ~stratum, weights = ~wt_mec_2yr, nest = TRUE, data = subset(everyone, examined == 1 & cycle_start == 2005)),
                 age_years >= 20 & !is.na(b12_pg_ml))
geometric <- function(formula) { m <- svymean(formula, cycle4); c(exp(coef(m)), exp(coef(m)) * SE(m)) }
share <- function(formula) { m <- svymean(formula, cycle4); unname(c(coef(m), SE(m))[c(2, 4)] * 100) }

result <- list(
  flow = list(n = c(nrow(everyone), sapply(left, sum)), deaths = c(sum(everyone$died, na.rm = TRUE), sapply(left, function(x) sum(everyone$died[x], na.rm = TRUE)))),
  person_years = sum(cohort$age_exit_years - cohort$age_entry_years),
  design = list(strata = length(unique(everyone$stratum)), clusters = nrow(unique(everyone[c("stratum", "psu")])), degf = degf(domain)),
  cox = cox(mortality),
  cox_breslow = table_of(fit <- coxph(mortality, cohort, ties = "breslow"), fit$n, fit$nevent),
  cox_groups = cox(groups),
  svycoxph = weighted_cox(mortality, domain),
  svycoxph_subset_as_sample = weighted_cox(mortality, only),
  svycoxph_lag2 = weighted_cox(lagged, late),
  svycoxph_groups = weighted_cox(groups, domain),
  logistic = logistic(determinants, cohort),
  logistic_longer = logistic(longer, cohort),
  logistic_released = logistic(update(determinants, low_b12_released ~ .), cohort),
  svyglm = weighted_logistic(determinants, domain),
  svyglm_longer = weighted_logistic(longer, domain),
  svyglm_all_adults = weighted_logistic(determinants, adults),
  cdc_2005_2006 = list(
    n = nrow(cycle4$variables),
    geometric_mean = unname(geometric(~log(b12_pg_ml))),
    geometric_mean_roche = unname(geometric(~log(b12_pg_ml_roche_equiv))),
    percent_at_most_200 = share(~factor(b12_pg_ml <= 200)),
    percent_at_most_200_roche = share(~factor(b12_pg_ml_roche_equiv <= 200))
  )
)
writeLines(toJSON(result, digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(results, "expected.json"))
versions <- sapply(c("survival", "survey", "jsonlite"), function(p) as.character(packageVersion(p)))
writeLines(c(R.version.string, paste(names(versions), versions)), file.path(results, "session.txt"))

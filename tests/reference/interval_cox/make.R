# Reference numbers for the Cox model of interval-censored times. Debian has no R package that fits it, so it is held to
#   common visits: the complementary log-log model (glm), which is the same likelihood, with and without delayed entry;
#   exact times: Breslow's Cox model (coxph), with delayed entry;
#   visits at any time: the likelihood written out and maximised by optim over coefficients and hazard masses together,
#   and the EM algorithm of Zeng, Mao and Lin (2016).
#   Rscript tests/reference/interval_cox/make.R [FOLDER FOR THE RESULTS]
suppressMessages({library(survival); library(KMsurv); library(jsonlite)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
arguments <- commandArgs(trailingOnly = TRUE)
results <- if (length(arguments) < 1) here else arguments[1]
options(digits = 15)

# people seen every year from their entry on
set.seed(20240616)
n <- 300
x <- round(rnorm(n), 3); g <- sample(0:1, n, replace = TRUE)
time <- (rexp(n) / exp(0.6 * x - 0.5 * g))^(1 / 1.3) * 4
entry <- sample(0:2, n, replace = TRUE)
leave <- entry + sample(1:6, n, replace = TRUE)
yearly <- data.frame(x, g, entry, low = pmin(floor(time), leave), high = ifelse(floor(time) < leave, floor(time) + 1, NA))[time > entry, ]
long <- do.call(rbind, lapply(seq_len(nrow(yearly)), function(i) { r <- yearly[i, ]
  last <- if (is.na(r$high)) r$low else r$high
  if (last <= r$entry) return(NULL)
  data.frame(x = r$x, g = r$g, year = (r$entry + 1):last, ill = as.integer(!is.na(r$high) & (r$entry + 1):last == r$high)) }))
tight <- glm.control(epsilon = 1e-14, maxit = 100)
cloglog <- glm(ill ~ 0 + factor(year) + x + g, binomial("cloglog"), long, control = tight)
null <- glm(ill ~ 0 + factor(year), binomial("cloglog"), long, control = tight)
# glm reports the expected information; the observed one belongs to the likelihood
observed <- function(f) { X <- model.matrix(f); eta <- drop(X %*% coef(f)); h <- exp(eta); y <- f$y
  d2 <- ifelse(y == 1, { e <- exp(-h); h * e / (1 - e) * (1 - h / (1 - e)) }, -h)
  solve(-crossprod(X, d2 * X)) }

# exact and right-censored times
known <- data.frame(x, g, entry = 0.4 * entry, time = round(time, 4), stop = round(runif(n, 0.2, 9), 4))
known <- known[known$time > known$entry & known$stop > known$entry, ]
known$low <- pmin(known$time, known$stop); known$high <- ifelse(known$time <= known$stop, known$time, NA)
breslow <- coxph(Surv(entry, low, !is.na(high)) ~ x + g, known, ties = "breslow", control = coxph.control(eps = 1e-14, iter.max = 50))

# visits at any time, some times exact, half of the people enter late
m <- 70
v <- data.frame(x = round(rnorm(m), 3), g = sample(0:1, m, replace = TRUE))
t <- (rexp(m) / exp(0.6 * v$x - 0.5 * v$g))^(1 / 1.3) * 4
first <- runif(m, 0.3, 1.5); step <- runif(m, 0.4, 2); k <- floor((t - first) / step)
v$low <- round(ifelse(t < first, 0, first + k * step), 3); v$high <- round(ifelse(t < first, first, first + (k + 1) * step), 3)
stop <- round(runif(m, 1, 10), 3); gone <- v$high > stop
v$low[gone] <- pmin(v$low[gone], stop[gone]); v$high[gone] <- NA
some <- sample(which(!gone), 8); v$low[some] <- v$high[some] <- round(t[some], 3)
v$entry <- round(ifelse(v$low > 0.5 & runif(m) < 0.5, v$low * runif(m, 0, 0.8), 0), 3)

# the pieces of the likelihood on given points: who is at risk and free, whose interval holds each point
pieces <- function(d, entry) {
  e <- ifelse(entry > 0, entry, -Inf); high <- ifelse(is.na(d$high), Inf, d$high)
  exact <- is.finite(high) & d$low == high
  points <- sort(unique(c(high[is.finite(high)], e[is.finite(e)])))
  free <- outer(e, points, "<") & outer(ifelse(exact, high, d$low), points, ">=")   # an exact time survives up to its own point: Breslow
  within <- outer(d$low, points, "<") & outer(high, points, ">=") & is.finite(high) & !exact
  at <- outer(high, points, "==") & exact
  ever <- colSums(within | at) > 0
  end <- colSums(free) == 0 & colSums(within) > 0
  certain <- rowSums(within[, end, drop = FALSE]) > 0
  list(points = points, free = free * 1, within = within * 1, at = at * 1, use = ever & !end, rows = which(rowSums(within) > 0 & !certain), end = end)
}
loglik <- function(b, h, P, X) { r <- exp(drop(X %*% b)); H <- drop(P$within %*% h)
  a <- rowSums(P$at) > 0
  sum(-r * drop(P$free %*% h)) + sum(log(-expm1(-(r * H)[P$rows]))) + sum(log((r * drop(P$at %*% h))[a])) }
em <- function(d, entry, steps = 200000) {
  P <- pieces(d, entry); X <- as.matrix(d[c("x", "g")])
  W <- P$within; W[, P$end] <- 0; W[-P$rows, ] <- 0   # rows whose event is certain carry no count
  risk <- P$free + W
  b <- c(0, 0); h <- ifelse(P$use, 0.1, 0)
  for (i in seq_len(steps)) {
    r <- exp(drop(X %*% b)); H <- drop(W %*% h)
    count <- sweep(W, 2, h, "*") * ifelse(H > 0, r / -expm1(-r * H), 0) + P$at
    total <- colSums(count)
    s0 <- colSums(r * risk); s1 <- t(risk) %*% (r * X)
    mean <- s1 / pmax(s0, 1e-300)
    score <- colSums(rowSums(count) * X) - colSums(total * mean)
    info <- matrix(0, 2, 2)
    for (a in 1:2) for (c in 1:2) info[a, c] <- sum(total * (drop(t(risk) %*% (r * X[, a] * X[, c])) / pmax(s0, 1e-300) - mean[, a] * mean[, c]))
    move <- solve(info, score); b <- b + move
    new <- ifelse(P$use & s0 > 0, total / colSums(exp(drop(X %*% b)) * risk), 0)
    change <- max(abs(move), abs(cumsum(new) - cumsum(h))); h <- ifelse(is.finite(new), new, 0)
    if (change < 1e-12) break
  }
  list(coef = b, loglik = loglik(b, h, P, X), steps = i, hazard = h, points = P$points)
}
direct <- function(d, entry, start) {
  P <- pieces(d, entry); X <- as.matrix(d[c("x", "g")]); use <- start$hazard > 1e-8
  value <- function(p) { h <- ifelse(use, 0, 0); h[use] <- exp(p[-(1:2)]); v <- -loglik(p[1:2], h, P, X); if (is.finite(v)) v else 1e10 }
  p <- c(start$coef + 0.1, log(start$hazard[use]))
  for (i in 1:10) p <- nlminb(p, value, control = list(eval.max = 20000, iter.max = 10000, rel.tol = 1e-15))$par
  list(coef = p[1:2], loglik = -value(p))
}
plain <- em(v, 0 * v$entry); late <- em(v, v$entry)
data(bcdeter)
bc <- data.frame(x = as.integer(bcdeter$treat == 2), g = 0, low = bcdeter$lower, high = bcdeter$upper)
bc_em <- { P <- pieces(bc, 0 * bc$low); X <- cbind(bc$x)
  f <- function(b) { # profile over the masses by EM at fixed b
    W <- P$within; W[, P$end] <- 0; W[-P$rows, ] <- 0; risk <- P$free + W; h <- ifelse(P$use, 0.1, 0); r <- exp(bc$x * b)
    for (i in 1:20000) { H <- drop(W %*% h); count <- colSums(sweep(W, 2, h, "*") * ifelse(H > 0, r / -expm1(-r * H), 0) + P$at)
      new <- ifelse(P$use, count / colSums(r * risk), 0); if (max(abs(cumsum(new) - cumsum(h))) < 1e-13) break; h <- new }
    loglik(b, h, P, X) }
  o <- optimize(f, c(0, 2), maximum = TRUE, tol = 1e-10)
  se <- 1 / sqrt(-(f(o$maximum + 0.28) - 2 * o$objective + f(o$maximum - 0.28)) / 0.28^2)
  list(coef = o$maximum, loglik = o$objective, null = f(0), se = se) }

expected <- list(
  yearly = yearly, glm = list(coef = coef(cloglog)[c("x", "g")], se = sqrt(diag(observed(cloglog)))[c("x", "g")], hazard = exp(coef(cloglog)[grep("year", names(coef(cloglog)))]),
    loglik = as.numeric(logLik(cloglog)), null = as.numeric(logLik(null))),
  known = known[c("x", "g", "entry", "low", "high")],
  breslow = list(coef = unname(coef(breslow)), se = unname(sqrt(diag(vcov(breslow)))), lr = 2 * diff(breslow$loglik)),
  visits = v, em = plain[c("coef", "loglik", "steps")], em_late = late[c("coef", "loglik", "steps")],
  direct = direct(v, 0 * v$entry, plain), direct_late = direct(v, v$entry, late), bcdeter = bc_em
)
write_json(expected, file.path(results, "expected.json"), digits = 15, auto_unbox = TRUE, na = "null", pretty = FALSE)
used <- c("survival", "KMsurv", "jsonlite")
writeLines(c(R.version.string, paste(used, sapply(used, function(p) as.character(packageVersion(p))))), file.path(results, "session.txt"))

// sample against the reference: the same token, unless the point or top_p lies within 1e-5 of where the next token begins;
// log-probabilities within 1e-4; and over many draws the shares of runtime/sampling's own tests.
#include "../src/sample.h"

#include <cstring>

#include "../ref/sample.h"
#include "check.h"

using namespace aircache;

// AIRCACHE_FEW asks for fewer rows: under the simulation one takes 50 ms, under compute-sanitizer longer.
#ifdef __CUDACC__
static const bool few = std::getenv("AIRCACHE_FEW") != nullptr;
#else
static const bool few = true;
#endif
static const int kDraws = few ? 20 : 2000, kEvery = few ? 7 : 1;

static std::vector<aircache_choice> sample(const std::vector<float>& logits, int vocab, const std::vector<aircache_draw>& draws, std::vector<int>* last = nullptr) {
  const int rows = int(draws.size());
  Buffer<float> device(logits);
  Buffer<aircache_draw> device_draws(draws);
  Buffer<aircache_choice> choice(rows);
  Buffer<LogitSurvey> survey(size_t(rows) * kSampleSplits);
  std::vector<int> slots(rows);
  for (int i = 0; i < rows; i++) slots[i] = i == 1 ? -1 : rows - 1 - i;
  Buffer<int> slot(slots), tokens(rows);
  REQUIRE(run_sample({device.data, rows, vocab, device_draws.data, slot.data, tokens.data, choice.data, survey.data}, nullptr));
  finish();
  const std::vector<aircache_choice> out = choice.read();
  if (last) *last = tokens.read();
  return out;
}

static void check_rows(Verdict& verdict, Random& random, int vocab, float spread, bool forbidden) {
  const std::string name = std::to_string(vocab) + " tokens, spread " + std::to_string(spread);
  std::vector<aircache_draw> draws;
  for (float temperature : {0.f, 1.f, .3f, 2.f})
    for (int top_k : {0, 1, 5, vocab + 3})
      for (float top_p : {0.f, .5f, .95f, 1.f})
        if (random.below(kEvery) == 0 || draws.size() < 3) draws.push_back({random.below(1 << 30) / double(1 << 30), temperature, top_p, top_k, random.below(21)});
  std::vector<float> logits(draws.size() * vocab);
  for (float& x : logits) x = forbidden && random.below(3) == 0 ? -INFINITY : std::round(random.normal(spread) * 64) / 64;  // with ties
  for (size_t row = 0; row < draws.size(); row++) logits[row * vocab + random.below(vocab)] = spread;
  std::vector<int> last;
  const std::vector<aircache_choice> got = sample(logits, vocab, draws, &last);
  for (size_t row = 0; row < draws.size(); row++) {
    const std::vector<float> mine(logits.begin() + row * vocab, logits.begin() + (row + 1) * vocab);
    const aircache_draw& d = draws[row];
    const aircache_choice& c = got[row];
    bool fits = false;
    for (double point : {d.point, std::max(0.0, d.point - 1e-5), d.point + 1e-5})
      for (double shift : {0.0, -1e-5, 1e-5}) fits = fits || c.token == ref::choose(mine, {point, d.temperature, d.top_p > 0 && d.top_p < 1 ? d.top_p + shift : d.top_p, d.top_k});
    verdict.checks++;
    const std::string which = name + " row " + std::to_string(row) + ": token " + std::to_string(c.token);
    if (!fits) { verdict.fail(which + " was chosen, want " + std::to_string(ref::choose(mine, {d.point, d.temperature, d.top_p, d.top_k}))); continue; }
    const double log_sum = ref::log_sum(mine);
    if (!(std::abs(c.log_prob - (mine[c.token] - log_sum)) < 1e-4)) verdict.fail(which + " has log-probability " + std::to_string(c.log_prob));
    const std::vector<int> order = ref::ranking(mine);
    for (int i = 0; i < std::min(d.top, vocab); i++) {
      const double want = mine[order[i]] - log_sum;
      if (c.alternative[i] != order[i] || !(c.alternative_log_prob[i] == want || std::abs(c.alternative_log_prob[i] - want) < 1e-4))
        verdict.fail(which + ": alternative " + std::to_string(i) + " is " + std::to_string(c.alternative[i]) + ", want " + std::to_string(order[i]));
    }
    if (row != 1 && last[draws.size() - 1 - row] != c.token) verdict.fail(which + " is not in its slot");
  }
  if (last[draws.size() - 2] != -1) verdict.fail(name + ": a row without a slot wrote one");
}

// check_shares draws at points that are evenly spread.
static void check_shares(Verdict& verdict, const std::string& name, aircache_draw how, std::vector<double> want) {
  const double probability[3] = {.2, .5, .3};
  std::vector<aircache_draw> all(kDraws, how);
  std::vector<float> logits;
  for (int i = 0; i < kDraws; i++) {
    all[i].point = (i + .5) / kDraws;
    for (double p : probability) logits.push_back(float(std::log(p)));
  }
  std::vector<double> got(3);
  for (const aircache_choice& c : sample(logits, 3, all)) got[c.token] += 1.0 / kDraws;
  verdict.checks++;
  for (int i = 0; i < 3; i++)
    if (std::abs(got[i] - want[i]) > .6 / kDraws + .001 || (want[i] == 0 && got[i] != 0)) verdict.fail(name + ": token " + std::to_string(i) + " came with share " + std::to_string(got[i]));
}

static void check_impossible(Verdict& verdict) {
  const std::vector<aircache_draw> draws(5, {.5, 1, .9f, 0, 2});
  const std::vector<aircache_choice> got = sample({0, NAN, 1, INFINITY, 0, 1, -INFINITY, -INFINITY, -INFINITY, 3, NAN, NAN, 2, -INFINITY, -INFINITY}, 3, draws);
  std::vector<int> tokens;
  for (const aircache_choice& c : got) tokens.push_back(c.token);
  verdict.same("logits that no softmax can use", tokens, std::vector<int>{-1, -1, -1, -1, 0});
}

int main() {
  Random random;
  Verdict verdict;
  for (int vocab : {1, 31, 33, 4097}) {
    check_rows(verdict, random, vocab, 3, false);
    check_rows(verdict, random, vocab, .05f, true);
  }
  check_rows(verdict, random, 20011, .02f, false);  // more candidates than shared memory holds
  check_shares(verdict, "temperature 1", {0, 1, 0, 0, 0}, {.2, .5, .3});
  check_shares(verdict, "temperature 0.5 squares", {0, .5f, 0, 0, 0}, {.04 / .38, .25 / .38, .09 / .38});
  check_shares(verdict, "top-k 2", {0, 1, 0, 2, 0}, {0, .625, .375});
  check_shares(verdict, "top-p 0.79 needs two", {0, 1, .79f, 0, 0}, {0, .625, .375});
  check_shares(verdict, "top-p is a share of what top-k left", {0, 1, .6f, 2, 0}, {0, 1, 0});
  check_impossible(verdict);
  return verdict.report("sample");
}

package eval

import (
	"regexp"
	"strings"
)

// vqa is the benchmark's accuracy: over all ways to leave one person out, the mean of min(1, others who said so / 3).
//
//	4 or more of 10 people  ->  1;   3 of 10  ->  (7*1 + 3*2/3)/10 = .9;   1 of 10  ->  9/10 * 1/3 = .3
//
// With fewer than four answers a sample cannot have three others, so one that is equal to any is right.
func vqa(answer string, accepted []string) float64 {
	said := 0
	answer = plainWords(answer)
	for _, want := range accepted {
		if plainWords(want) == answer {
			said++
		}
	}
	n := len(accepted)
	if n < 4 {
		return yes(said > 0)
	}
	share := func(others int) float64 { return min(1, float64(others)/3) }
	with, without := float64(said), float64(n-said)
	return (without*share(said) + with*share(said-1)) / float64(n)
}

var (
	digitComma = regexp.MustCompile(`(\d),(\d)`)
	lonePeriod = regexp.MustCompile(`(\D|^)\.(\D|$)`)
	articles   = map[string]bool{"a": true, "an": true, "the": true}
	counted    = map[string]string{"none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
		"six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"}
)

// plainWords takes from a text what the benchmark does not count: case, articles, punctuation (a mark between two words becomes
// a space), commas in numbers, number words. Apostrophes go too, where the benchmark has a table of contractions.
//
//	"The two dogs."  ->  "2 dogs";   "1,200"  ->  "1200";   "don't"  ->  "dont"
func plainWords(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	text = strings.NewReplacer("'", "", "\u2019", "").Replace(text)
	text = digitComma.ReplaceAllString(text, "$1$2")
	text = strings.TrimSuffix(lonePeriod.ReplaceAllString(text, "$1$2"), ".")
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`;/[]"{}()=+\_-><@`+"`"+`,?!`, r) {
			return ' '
		}
		return r
	}, text)
	var kept []string
	for _, word := range strings.Fields(text) {
		if digit, ok := counted[word]; ok {
			word = digit
		}
		if !articles[word] {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}

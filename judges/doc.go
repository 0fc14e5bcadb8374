// Package judges says how good a content is: a text, an answer, a document.
//
// There are two kinds of judge. The deterministic ones ([Exact], [Includes], [Levenshtein] and so on) are plain
// functions without I/O, clock or randomness, so workflow code may call them directly. Judges that ask a language model
// implement [Judge] and belong in an activity; judges/openai is one.
//
// A judge has exactly three ways to end, and never mixes them up:
//
//   - a [Verdict] with a value;
//   - a [Verdict] that declines, with a [Cause]: the model refused, its reply was cut off or is not on the menu. The
//     instrument worked and there is nothing to score;
//   - an [Error]: the instrument did not work. It says whether trying again can help, and when.
//
// Nothing that is not a value ever becomes the number 0.
package judges

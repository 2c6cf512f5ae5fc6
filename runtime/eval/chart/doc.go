// Package chart shows a report of package eval: curves of scores over retentions as PNG and SVG, and tables as Markdown.
package chart

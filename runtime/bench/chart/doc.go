// Package chart shows reports of package bench: lines for a terminal, tables as Markdown, step times over the batch as PNG and SVG.
package chart

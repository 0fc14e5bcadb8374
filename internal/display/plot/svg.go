package plot

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"strconv"
	"strings"
)

// svg is a document of a figure. It needs no font of its own: a browser has one that fits.
type svg struct {
	bytes.Buffer
	clips int
}

func newSVG(f Figure) *svg {
	s := new(svg)
	w, h := number(width), number(f.height)
	fmt.Fprintf(s, "<svg role=\"img\" width=\"%spt\" height=\"%spt\" viewBox=\"0 0 %s %s\" xmlns=\"http://www.w3.org/2000/svg\">\n", w, h, w, h)
	fmt.Fprintf(s, "<title>%s</title>\n<desc>%s</desc>\n", escape(f.Title), escape(f.Text))
	return s
}

func (s *svg) close() []byte {
	s.WriteString("</svg>\n")
	return s.Bytes()
}

func (s *svg) fill(c color.NRGBA, corners ...point) {
	fmt.Fprintf(s, "<path d=\"%sZ\" style=\"fill:%s", path(corners), hex(c))
	if c.A != 0xff {
		fmt.Fprintf(s, ";fill-opacity:%.2g", float64(c.A)/0xff)
	}
	s.WriteString("\"/>\n")
}

func (s *svg) stroke(p pen, through ...point) {
	if len(through) < 2 {
		return
	}
	fmt.Fprintf(s, "<path d=\"%s\" style=\"fill:none;stroke:%s;stroke-width:%s", path(through), hex(p.colour), number(p.width))
	for i, d := range p.dashes {
		s.WriteString([]string{";stroke-dasharray:", ","}[min(i, 1)] + number(d))
	}
	s.WriteString("\"/>\n")
}

func (s *svg) write(l letters, at point, text string) { s.text(l, at, "", text) }

func (s *svg) upwards(l letters, at point, text string) {
	s.text(l, at, fmt.Sprintf(" transform=\"rotate(-90 %s %s)\"", number(at.x), number(at.y)), text)
}

func (s *svg) text(l letters, at point, more, text string) {
	fmt.Fprintf(s, "<text x=\"%s\" y=\"%s\"%s style=\"font-family:'Liberation Sans',Arial,Helvetica,sans-serif;font-size:%spx;fill:%s",
		number(at.x), number(at.y), more, number(l.size), hex(l.colour))
	if l.bold {
		s.WriteString(";font-weight:bold")
	}
	if anchor := map[align]string{middle: "middle", end: "end"}[l.align]; anchor != "" {
		s.WriteString(";text-anchor:" + anchor)
	}
	fmt.Fprintf(s, "\">%s</text>\n", escape(text))
}

func (s *svg) within(b box, draw func(canvas)) {
	s.clips++
	fmt.Fprintf(s, "<clipPath id=\"c%d\"><rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"/></clipPath>\n<g clip-path=\"url(#c%d)\">\n",
		s.clips, number(b.left), number(b.top), number(b.right-b.left), number(b.bottom-b.top), s.clips)
	draw(s)
	s.WriteString("</g>\n")
}

func path(points []point) string {
	var b strings.Builder
	for i, p := range points {
		b.WriteString([]string{"M", "L"}[min(i, 1)] + number(p.x) + "," + number(p.y))
	}
	return b.String()
}

// number writes a length in hundredths of a point.
func number(x float64) string {
	t := strconv.FormatFloat(x, 'f', 2, 64)
	if t = strings.TrimRight(strings.TrimRight(t, "0"), "."); t == "-0" {
		return "0"
	}
	return t
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

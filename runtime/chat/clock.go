package chat

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// directives are strftime's in the C locale, as Go's layouts.
var directives = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'B': "January", 'b': "Jan", 'A': "Monday", 'a': "Mon", 'j': "002",
}

// clock is strftime_now.
func clock(today func() time.Time) func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
	return func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
		if len(args) != 1 || !args[0].IsString() {
			return jinja.Undefined(), errors.New("strftime_now: expected a format")
		}
		now := today()
		var b strings.Builder
		format := args[0].AsString()
		for i := 0; i < len(format); i++ {
			if format[i] != '%' || i+1 == len(format) {
				b.WriteByte(format[i])
				continue
			}
			i++
			short := format[i] == '-' && i+1 < len(format)
			if short {
				i++
			}
			layout, ok := directives[format[i]]
			switch {
			case format[i] == '%':
				b.WriteByte('%')
			case !ok:
				return jinja.Undefined(), fmt.Errorf("strftime_now: %%%c is not supported", format[i])
			case short:
				written := now.Format(layout)
				b.WriteString(strings.TrimLeft(written[:len(written)-1], "0") + written[len(written)-1:])
			default:
				b.WriteString(now.Format(layout))
			}
		}
		return jinja.NewString(b.String()), nil
	}
}

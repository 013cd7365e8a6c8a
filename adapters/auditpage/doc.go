// Package auditpage writes the report of an audit as one HTML file that needs nothing
// else: no script, no font, no picture from elsewhere.
//
//	err := auditpage.Write(w, "main", report)
//
// Whatever producers and devices said is escaped; nothing is said by colour alone.
package auditpage

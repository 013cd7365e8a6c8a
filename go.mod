module github.com/understudy-io/understudy

go 1.26

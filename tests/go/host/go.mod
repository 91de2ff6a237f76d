module symfastgo

go 1.19

module symfastway

go 1.19
